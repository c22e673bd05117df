"""The networks and the system on Keras' other backends, each in a process of its own."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from compiled import QUICK

TESTS = Path(__file__).resolve().parent
# Whole rooms and files, or of a system's file what its network computes: the rest of it, which is
# the same on every backend, would be compiled again.
CHOSEN = {
    "systems/test_multiposenet.py": (
        "test_ranges",
        "test_keypoints_belong_to_their_box",
        "test_unused_rows_are_zero",
        "test_keras_file_reloads_exactly",
    ),
    "systems/test_rmpe.py": (
        "test_keypoints_are_in_pixels_of_the_photo",
        "test_transformers_in_between_change_no_place",
        "test_few_shapes_where_each_is_compiled",
        "test_an_estimator_as_the_detector",
    ),
}
FILES = (
    "networks",
    "systems/test_bundled_sppe.py",
    *(f"{file}::{name}" for file, names in CHOSEN.items() for name in names),
    "maths/test_heatmaps.py",
    "maths/test_hough.py",
    "maths/test_anchors.py",
    "maths/test_boxes.py",
    "training/test_losses.py",
)
BACKENDS = ("jax", "torch")
INSIDE = "MULTIPOSENET_BACKEND_TESTS"  # set in the processes started here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(INSIDE in os.environ, reason="this is such a process"),
]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The process of every backend that is installed and the file of what it says. They run at the
    same time, since each keeps one core busy."""
    folder, processes = tmp_path_factory.mktemp("backends"), {}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    command += [str(TESTS / name) for name in FILES]
    for backend in filter(importlib.util.find_spec, BACKENDS):
        environment = os.environ | {"KERAS_BACKEND": backend, INSIDE: "1", "OMP_NUM_THREADS": "1"}
        environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK}
        left_out = "one_backend or not_on_jax" if backend == "jax" else "one_backend"
        with (folder / backend).open("w") as said:
            process = subprocess.Popen(
                [*command, "-m", f"not ({left_out})"],
                cwd=TESTS.parent,
                env=environment,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        processes[backend] = process, folder / backend
    yield processes
    for process, _ in processes.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend(started, backend):
    if backend not in started:
        pytest.skip(f"{backend} is not installed; pip install multiposenet[backends]")
    process, said = started[backend]
    status, report = process.wait(), said.read_text()[-8000:]
    assert status == 0, report
    print(report)
    passed = re.search(r"(\d+) passed", report)
    assert passed and int(passed[1]) > 100, report
