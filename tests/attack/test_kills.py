"""A few of the kills of ``kills.py``; training has tests/training/loop/test_resume.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forks"),
]


def test_nothing_is_left_half_written(tmp_path):
    script = Path(__file__).parent / "kills.py"
    kinds = ["predict", "export", "download"]
    done = subprocess.run(
        [sys.executable, script, *kinds, "--kills", "4"],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == kinds
    assert all(": 4 kills " in line for line in said)
