"""Starting is fast: no verb's help and no `import multiposenet` loads a heavy library."""

import json
import subprocess
import sys
import time

import pytest

from multiposenet.cli import VERBS

HEAVY = {"keras", "tensorflow", "jax", "torch", "cv2", "numpy", "scipy", "PIL", "matplotlib"}
HEAVY |= {"albumentations", "pycocotools", "h5py", "rich", "yaml"}
LIMIT = 1.0  # seconds
ATTEMPTS = 3  # a busy machine may need more than one

COMMANDS = {
    "import": "import multiposenet",
    "version": "import multiposenet; assert multiposenet.__version__",
    "zoo": "import multiposenet.zoo; multiposenet.zoo.names()",
    "help": "from multiposenet.cli import main; main(['--help'])",
    **{f"help {v}": f"from multiposenet.cli import main; main(['{v}', '--help'])" for v in VERBS},
}
# Modules that are loaded are written to stderr even though --help ends in SystemExit.
TEMPLATE = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
{code}
"""


@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS.keys())
def test_starts_fast_and_light(code, tmp_path):
    times = []
    for _ in range(ATTEMPTS):
        start = time.perf_counter()
        # -I and cwd: the installed package, not whatever lies in the current folder.
        command = [sys.executable, "-I", "-c", TEMPLATE.format(code=code)]
        answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        times.append(time.perf_counter() - start)
        assert answer.returncode == 0, answer.stderr
        loaded = {name.partition(".")[0] for name in json.loads(answer.stderr)}
        assert loaded & HEAVY == set()
        if times[-1] < LIMIT:
            return
    pytest.fail(f"took {times} s, limit {LIMIT} s")


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
