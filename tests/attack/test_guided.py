"""A few of the cases of ``guided.py``."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="pip install atheris")
@pytest.mark.parametrize("name", ["skeletons", "annotations"])
def test_the_whole_files_are_right_and_some_others_do_no_harm(tmp_path, name):
    script = Path(__file__).parent / "guided.py"
    command = [sys.executable, script, name, "--runs", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{name}: nothing found\n"
    assert not list(tmp_path.iterdir())
