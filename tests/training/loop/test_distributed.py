"""A batch shared by devices or processes trains the weights that one device trains with it.

The device of reference and the shared ones start from the same weights and take clipped steps with
averaged weights. The network has batch normalization, the loss a count of rows that differs from
share to share; on JAX there is dropout, too, which is global there.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from compiled import QUICK

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "helpers" / "distributed.py"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}


def run(folder, plans, environments):
    """Runs the script in a process for each environment, at the same time."""
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder, *plans],
            env=os.environ | QUIET | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    try:
        for process in started:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in started:
            process.kill()


def result(folder, name, process=0):
    with np.load(folder / f"{name}-{process}.npz") as file:
        return {key: file[key] for key in file.files}


def assert_same_weights(found, expected):
    names = [name for name in expected if name != "rows"]
    assert len(names) >= 4
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5)


def losses(folder, name):
    lines = [json.loads(line) for line in (folder / name / "line.jsonl").read_text().splitlines()]
    return [[line["loss"], line["error"], line["gradient"]] for line in lines if "loss" in line]


def addresses():
    """Two free ports of this machine."""
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in (first, second)]


@pytest.fixture(scope="module")
def jax(tmp_path_factory):
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("jax")
    plans = ["one:1:1:1", "two:2:1:1", "plain:1:1:0", "parts:1:2:0", "two_parts:2:2:0"]
    flags = f"{QUICK} --xla_force_host_platform_device_count=2"
    run(folder, plans, [{"KERAS_BACKEND": "jax", "XLA_FLAGS": flags}])
    return folder


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensorflow")
    plans = ["one:1:1:1", "two:2:1:1", "plain:1:1:0", "parts:1:2:0"]
    run(folder, plans, [{"KERAS_BACKEND": "tensorflow", "VIRTUAL_DEVICES": "2"}])
    return folder


def test_two_devices_on_jax(jax):
    assert_same_weights(result(jax, "two"), result(jax, "one"))
    np.testing.assert_allclose(losses(jax, "two"), losses(jax, "one"), rtol=1e-4)


def test_accumulated_parts_on_jax(jax):
    assert_same_weights(result(jax, "parts"), result(jax, "plain"))
    assert_same_weights(result(jax, "two_parts"), result(jax, "plain"))


def test_two_devices_on_tensorflow(tensorflow):
    """Losses of the log are those of the whole batch, too."""
    assert_same_weights(result(tensorflow, "two"), result(tensorflow, "one"))
    np.testing.assert_allclose(losses(tensorflow, "two"), losses(tensorflow, "one"), rtol=1e-4)


def test_accumulated_parts_on_tensorflow(tensorflow):
    assert_same_weights(result(tensorflow, "parts"), result(tensorflow, "plain"))
    found, expected = losses(tensorflow, "parts"), losses(tensorflow, "plain")
    np.testing.assert_allclose(np.array(found)[:, :2], np.array(expected)[:, :2], rtol=1e-4)


def test_two_processes_on_jax(jax, tmp_path):
    cluster = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": QUICK,
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(addresses()),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    environments = [cluster | {"KERAS_DISTRIBUTION_PROCESS_ID": str(task)} for task in (0, 1)]
    run(tmp_path, ["one:1:1:1"], environments)
    check_processes(tmp_path, result(jax, "one"), losses(jax, "one"))


def test_two_processes_on_tensorflow(tensorflow, tmp_path):
    workers = addresses()
    environments = [
        {
            "KERAS_BACKEND": "tensorflow",
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": task}}
            ),
        }
        for task in (0, 1)
    ]
    run(tmp_path, ["one:1:1:1"], environments)
    # Each goes through whole batches once more, for the statistics of the averaged weights.
    check_processes(tmp_path, result(tensorflow, "one"), losses(tensorflow, "one"), whole=6 * 8)


def check_processes(folder, expected, expected_losses, whole=0):
    """Both have the weights of one process, and each made half of the rows that are not whole."""
    for process in (0, 1):
        found = result(folder, "one", process)
        assert_same_weights(found, expected)
        assert (found["rows"] - whole) * 2 == expected["rows"] - whole
    np.testing.assert_allclose(losses(folder, "one"), expected_losses, rtol=1e-4)
    assert len(json.loads((folder / "one/line.json").read_text())["starts"]) == 1  # one wrote
