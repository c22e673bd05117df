"""Fixtures shared by all tests."""

import gc
import os
import sys
from pathlib import Path

import pytest

# Before anything imports TensorFlow: no start-up chatter in captured output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Where every core has a worker, threads of one only wait for those of another.
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) >= (os.cpu_count() or 1):
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")
# Keras, TensorFlow and every network are many objects that live on. By default, the garbage
# collector looks through them so often that it takes a quarter of all time.
gc.set_threshold(20_000, 20, 10)

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--attack-cases", type=int, metavar="N", help="cases of each test in tests/attack"
    )


def pytest_configure(config):
    """pytest-xdist keeps the order of the files, which begins with the slow ones."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


# The longest first; the first of all waits for processes of its own.
LONGEST = (
    "test_backends.py",
    "test_export.py",
    "test_notebooks.py",
    "test_sppe.py",
    "test_distributed.py",
)


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: at the end they would keep one worker waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (order.get(item.path.name, len(order)), item.path not in slow))


def pytest_collection_finish():
    """What the tests import stays, so that the garbage collector need not look through it."""
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real photos and labels, which are not part of the project."""
    named = os.environ.get("MULTIPOSENET_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set MULTIPOSENET_DATA to the folder that holds it")
    return folder


@pytest.fixture
def server(monkeypatch):
    """A ``file_server.Server`` of one file."""
    from file_server import running

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture(autouse=True, scope="session")
def quick_disk():
    """Nothing waits until a file is on the disk; what that is for no test can see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_initial_weights():
    """Building a network compiles nothing."""
    if os.environ.get("KERAS_BACKEND") != "jax":
        yield
        return
    from numpy_weights import draw_initial_weights

    with pytest.MonkeyPatch.context() as patch:
        draw_initial_weights(patch)
        yield


@pytest.fixture(scope="module")
def quick_hourglass():
    """A residual unit of an hourglass is one convolution: fewer layers to build, save and trace."""
    from keras import layers

    from multiposenet.networks import hourglass

    def unit(x, filters, name):
        if x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, name=f"{name}_0_conv")(x)
        y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_1_conv")(x)
        return layers.Add(name=f"{name}_add")([x, y])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hourglass, "_residual", unit)
        yield


@pytest.fixture(scope="module")
def eagerly():
    """TensorFlow computes operation by operation: a few steps are done before a graph is traced."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def traced(eagerly):
    """For a test within a module that runs eagerly: graphs, as users have them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)


@pytest.fixture(autouse=True)
def one_seed():
    """Initial weights and dropout are the same in every run, alone or within the suite."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def multiposenet(capsys):
    """Runs a command line; returns (exit status, stdout, lines of stderr)."""
    from multiposenet import cli

    def run(*argv):
        capsys.readouterr()
        status = cli.main([str(part) for part in argv])
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return run
