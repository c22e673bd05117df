"""Training on JAX needs neither TensorFlow nor albumentations, pycocotools and matplotlib."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compiled import QUICK

from multiposenet.training.datasets import synthetic


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_training_on_jax_alone(tmp_path):
    synthetic.write(tmp_path / "scenes", photos=3, seed=0, size=(96, 128))
    program = Path(__file__).parents[1] / "helpers" / "without_tensorflow.py"
    environment = os.environ | {"XLA_FLAGS": QUICK}
    command = [sys.executable, program, tmp_path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
