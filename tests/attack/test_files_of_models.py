"""Damaged files of models: manifests, descriptions, weights, exports, checkpoints."""

import functools
import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes, damaged_values
from hypothesis import given
from small_stage import Stage

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.files import checksums
from multiposenet.runtimes import exported
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator, model_files, sppe_files
from multiposenet.training import run_folder
from multiposenet.training.loop import checkpoint

MANIFEST = {
    "format": 1,
    "models": {
        "near": {"architecture": {"backbone": "nano"}, "file": "a.weights.h5", "bytes": 9}
        | {"sha256": "0" * 64, "url": None, "options": {"score": 0.3}},
        "far": {"architecture": {"backbone": "nano"}, "file": "b.weights.h5", "bytes": 9}
        | {"sha256": "0" * 64, "url": "http://127.0.0.1:9/b"},
    },
    "sppe": {},
}
ARCHITECTURE = {
    "architecture": {
        "backbone": "nano",
        "skeleton": "coco_17",
        "image_size": [64, 96],
        "architecture": {"pyramid_channels": 8, "prn_nodes": 4, "anchor_sizes": [1, 2, 3, 4, 5]},
        "options": {"score": 0.3, "max_people": 4},
    }
}
SPPE = {
    "architecture": {
        "skeleton": COCO_17.to_dict(),
        "architecture": {"stacks": 1, "depth": 1, "channels": 8, "image_size": [64, 64]},
    }
}
SIDECAR = {
    "format": "onnx",
    "skeleton": COCO_17.to_dict(),
    "image_size": [64, 64],
    "options": {"score": 0.3, "image_size": 64},
    "files": {"a.onnx": "0" * 64},
}


class Built(BaseException):
    """Instead of a network, which takes seconds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def nothing_is_built(monkeypatch):
    def build(*arguments, **options):
        raise Built

    monkeypatch.setattr("multiposenet.networks.backbones.build", build)
    monkeypatch.setattr("multiposenet.networks.sppe.SPPEArchitecture.single_person", build)


@given(damaged_values([MANIFEST]))
def test_a_manifest(folder, content):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "_folder", lambda: folder)
        patch.setattr("multiposenet.files.downloads.ATTEMPTS", 1)
        patch.setenv("MULTIPOSENET_CACHE", str(folder / "cache"))
        (folder / "manifest.json").write_text(json.dumps(content))
        zoo._manifest.cache_clear()
        try:
            names = answer(zoo.names)
            for name in () if is_error(names) else names:
                assert answer(zoo.entry, name)["name"] == name
                assert is_error(answer(zoo.resolve, name))
        finally:
            zoo._manifest.cache_clear()


@given(damaged_values([ARCHITECTURE]))
def test_the_description_of_weights(folder, nothing_is_built, content):
    path = folder / "described.weights.h5"
    path.write_bytes(b"")
    (folder / "described.json").write_text(json.dumps(content))
    try:
        found = answer(estimator.load, path)
    except Built:
        return  # nothing is wrong with it
    assert is_error(found) and isinstance(found, WeightsError)


@given(damaged_values([SPPE]))
def test_the_description_of_a_run(folder, nothing_is_built, content):
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "sppe.weights.h5").write_bytes(b"")
    (run / "rmpe.json").write_text(json.dumps(content))
    for load in (sppe_files.load_network, run_folder.load_sppe):
        try:
            assert is_error(answer(load, run))
        except Built:
            pass


@given(damaged_values([SIDECAR]) | damaged_bytes([json.dumps(SIDECAR).encode()]))
def test_the_description_of_an_export(folder, content):
    path = folder / "a.onnx"
    path.write_bytes(b"graph")
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    exported.sidecar(path).write_bytes(text)
    assert is_error(answer(exported.load, path))


@functools.cache
def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]
    )


@functools.cache
def weights_file():
    with io.BytesIO() as stream:
        network()  # h5py writes where a path is
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.weights.h5"
            network().save_weights(path)
            stream.write(path.read_bytes())
        return stream.getvalue()


@functools.cache
def keras_file():
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.keras"
        network().save(path)
        return path.read_bytes()


def values():
    return [weight.numpy().copy() for weight in network().weights]


@given(damaged_bytes([weights_file()]))
def test_weights(folder, content):
    path = folder / "part.weights.h5"
    path.write_bytes(content)
    before = values()
    found = answer(run_folder.load_weights, network(), path, "prn")
    if not is_error(found):
        assert all(value.shape == old.shape for value, old in zip(values(), before, strict=True))
    network().set_weights(before)


@given(damaged_bytes([weights_file()]))
def test_weights_with_a_checksum_are_what_was_written_or_refused(folder, content):
    path, before = folder / "sure.weights.h5", values()
    path.write_bytes(weights_file())
    checksums.sidecar(path).write_text(checksums.line(path, path.name))
    path.write_bytes(content)
    found = answer(run_folder.load_weights, network(), path, "prn")
    assert is_error(found) == (content != weights_file())
    for value, old in zip(values(), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("values", [10**8, 10**12])
def test_weights_that_claim_to_be_many(folder, values):
    """A few kilobytes that would be gigabytes once they are read."""
    path = folder / "bomb.weights.h5"
    path.write_bytes(weights_file())
    with h5py.File(path, "a") as file:
        names = []
        file.visititems(lambda n, x: names.append(n) if isinstance(x, h5py.Dataset) else None)
        del file[names[0]]
        file.create_dataset(names[0], (values,), "f8", chunks=(1 << 16,), compression="gzip")
    assert path.stat().st_size < 100_000
    assert is_error(answer(run_folder.load_weights, network(), path, "prn"))


def test_weights_that_lie_in_another_file(folder):
    """HDF5 can name any file of the machine as the place of its values."""
    secret, path = folder / "secret", folder / "external.weights.h5"
    secret.write_bytes(bytes(1000))
    path.write_bytes(weights_file())
    with h5py.File(path, "a") as file:
        names = []
        file.visititems(lambda n, x: names.append(n) if isinstance(x, h5py.Dataset) else None)
        shape, kind = file[names[0]].shape, file[names[0]].dtype
        del file[names[0]]
        file.create_dataset(names[0], shape, kind, external=[(str(secret), 0, 1000)])
    assert is_error(answer(run_folder.load_weights, network(), path, "prn"))


def rezipped(config):
    """The model with another configuration, as somebody would write it who means harm."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(keras_file())) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, config if name == "config.json" else old.read(name))
    return stream.getvalue()


def config_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return json.loads(file.read("config.json"))


@given(damaged_bytes([keras_file()]))
def test_a_keras_file(folder, content):
    path = folder / "a.keras"
    path.write_bytes(content)
    assert is_error(answer(estimator.load, path))  # it has no skeleton


@given(damaged_values([config_of(keras_file())]))
def test_a_keras_file_that_says_something_else(folder, config):
    path = folder / "a.keras"
    path.write_bytes(rezipped(json.dumps(config)))
    assert is_error(answer(estimator.load, path))


@functools.cache
def stage():
    keras.utils.set_random_seed(0)
    made = Stage()
    made.compile("sgd")
    made.optimizer.build(made.trainable_variables)
    return made


@functools.cache
def checkpoint_file():
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        checkpoint._save(path, stage(), {"step": 3, "schedule": {}, "monitor": {}})
        return path.read_bytes()


@given(damaged_bytes([checkpoint_file()]))
def test_a_checkpoint_is_what_was_written_or_refused(folder, content):
    path = folder / "line.npz"
    path.write_bytes(content)
    before = [weight.numpy().copy() for weight in stage().weights]
    found = answer(checkpoint._load, path, stage())
    assert is_error(found) or found["step"] == 3
    for value, old in zip(stage().weights, before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_what_is_not_attacked_is_right(folder):
    """The files above, whole: else their tests would show nothing."""
    path = folder / "whole.weights.h5"
    path.write_bytes(weights_file())
    assert answer(run_folder.load_weights, network(), path, "prn") is None
    (folder / "whole.keras").write_bytes(keras_file())
    error = answer(model_files.load, folder / "whole.keras", {}, "whole")
    assert "has no skeleton" in str(error) and not isinstance(error, InputError)
    (folder / "whole.npz").write_bytes(checkpoint_file())
    assert answer(checkpoint._load, folder / "whole.npz", stage())["step"] == 3
