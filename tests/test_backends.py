"""The networks and the system on Keras' other backends, each in a process of its own."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
FILES = ("networks", "systems", "test_heatmaps.py", "test_boxes.py", "test_losses.py")
INSIDE = "MULTIPOSENET_BACKEND_TESTS"  # set in the processes started here
# JAX compiles every operation on its own; optimizing them takes longer than running them.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"

pytestmark = pytest.mark.skipif(INSIDE in os.environ, reason="this is such a process")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install multiposenet[backends]")
    environment = os.environ | {"KERAS_BACKEND": backend, INSIDE: "1"}
    environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, *(str(TESTS / name) for name in FILES)],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    report = result.stdout[-6000:] + result.stderr[-2000:]
    assert result.returncode == 0, report
    print(report)
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed and int(passed[1]) > 100, report
