"""Starting is fast: no verb's help and no `import multiposenet` loads a heavy library."""

import json
import subprocess
import sys

import pytest

from multiposenet.cli import VERBS

HEAVY = {"keras", "tensorflow", "jax", "torch", "cv2", "numpy", "scipy", "PIL", "matplotlib"}
HEAVY |= {"albumentations", "pycocotools", "h5py", "rich", "yaml"}
LIMIT = 1.0  # seconds

COMMANDS = {
    "import": "import multiposenet",
    "version": "import multiposenet; assert multiposenet.__version__",
    "zoo": "import multiposenet.zoo; multiposenet.zoo.names()",
    "help": "from multiposenet.cli import main; main(['--help'])",
    **{f"help {v}": f"from multiposenet.cli import main; main(['{v}', '--help'])" for v in VERBS},
}
# Written at exit, since --help ends in SystemExit. Starting waits for nothing, so its processor
# time is what it takes on an idle machine; the wall clock would measure how busy this one is.
TEMPLATE = """
import atexit, json, sys, time
atexit.register(lambda: sys.stderr.write(json.dumps([time.process_time(), sorted(sys.modules)])))
{code}
"""


@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS.keys())
def test_starts_fast_and_light(code, tmp_path):
    # -I and cwd: the installed package, not whatever lies in the current folder.
    command = [sys.executable, "-I", "-c", TEMPLATE.format(code=code)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    seconds, modules = json.loads(answer.stderr)
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()
    assert seconds < LIMIT


# What an exported file is run by: Keras takes seconds to import, and is not needed.
WITHOUT_KERAS = {
    "multiposenet": "from multiposenet.systems import estimator",
    "rmpe": "from multiposenet.systems import rmpe; rmpe.SPPEFile.find(rmpe.DEFAULT)",
    "grmi": "from multiposenet.systems import grmi; grmi.GRMIFile.find(grmi.DEFAULT)",
    "tracking": "from multiposenet.video import tracking, smoothing",
}


@pytest.mark.parametrize("code", WITHOUT_KERAS.values(), ids=WITHOUT_KERAS.keys())
def test_systems_are_ready_for_exported_files_without_keras(code, tmp_path):
    command = [sys.executable, "-I", "-c", TEMPLATE.format(code=code)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    modules = json.loads(answer.stderr.splitlines()[-1])[1]
    assert {"keras", "tensorflow", "jax", "torch"} & set(modules) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_the_verb(verb, capsys):
    from multiposenet.cli import main

    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: multiposenet {verb}" in text
    assert VERBS[verb].__doc__.strip().splitlines()[0] in text


def test_public_names_are_listed_and_all_there():
    import multiposenet

    assert set(multiposenet.__all__) <= set(dir(multiposenet))
    for name in multiposenet.__all__:
        assert getattr(multiposenet, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = multiposenet.nothing
