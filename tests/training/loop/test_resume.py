"""A training killed at any moment and resumed ends exactly as one that was not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_killed_and_resumed_is_uninterrupted(tmp_path):
    """With dropout, batch normalization, averaged weights and a plateau of the validation."""
    one_thread = {
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    script = Path(__file__).parents[2] / "helpers" / "killed.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path, "0"],
        env=os.environ | one_thread | quiet,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]

    with np.load(tmp_path / "whole/weights.npz") as whole:
        with np.load(tmp_path / "parts/weights.npz") as parts:
            assert len(whole.files) == 8
            for name in whole.files:
                np.testing.assert_array_equal(parts[name], whole[name])
    assert log(tmp_path / "parts") == log(tmp_path / "whole")

    starts = json.loads((tmp_path / "parts/line.json").read_text())["starts"]
    steps = [start["step"] for start in starts]
    assert steps == sorted(steps) and len(set(steps)) >= 3  # it did go on from several places


def log(run):
    """The log but for what depends on the time."""
    lines = [json.loads(line) for line in (run / "line.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("samples/s", None)
        line.pop("waiting", None)
    return lines
