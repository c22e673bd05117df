"""The release: half-precision weights that load back, and a manifest entry that fits the file."""

import hashlib
import json

import h5py
import keras
import numpy as np
import pytest

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import run_folder
from multiposenet.training.registry import of_system
from multiposenet.training.release import entry


@pytest.fixture(scope="module")
def trained():
    """A nano whose weights are all different from a new one's."""
    keras.utils.set_random_seed(7)
    model = MultiPoseNet("nano")
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 0.9, weight.shape))
    return model


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "model.json").write_text(
        json.dumps({"architecture": run_folder.describe_model(trained)})
    )
    for stage in of_system("multiposenet"):
        parts = [getattr(trained, part) for part in stage.parts]
        run_folder.save_parts(folder, stage.name, parts)
    return folder


@pytest.fixture(scope="module")
def released(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights")
    other = {"file": "other.weights.h5", "sha256": "0" * 64}
    before = {"card": "cards/a.md", "metrics": {"AP": 0.1}, "bytes": 1, "url": "http://x/y"}
    manifest = {"format": zoo.FORMAT, "models": {"other": other, "small": before}}
    (out / "manifest.json").write_text(json.dumps(manifest))
    path = entry.release(run, out, "small", {"metrics": {"AP": 0.2}})
    return out, path, json.loads((out / "manifest.json").read_text())


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {})
        )
    return found


def test_manifest_entry(released):
    out, path, manifest = released
    assert path == out / "small.weights.h5"
    assert manifest["models"]["other"] == {"file": "other.weights.h5", "sha256": "0" * 64}
    entered = manifest["models"]["small"]
    data = path.read_bytes()
    assert entered["file"] == path.name and entered["bytes"] == len(data)
    assert entered["sha256"] == hashlib.sha256(data).hexdigest()
    assert entered["metrics"] == {"AP": 0.2} and entered["card"] == "cards/a.md"
    assert entered["url"] is None  # the former address had the former file


def test_nothing_else_is_left(released):
    out, path, _ = released
    assert {file.name for file in out.iterdir()} == {path.name, "manifest.json"}


def test_loads_back_to_half_precision(released, trained):
    _, path, manifest = released
    model = MultiPoseNet(**manifest["models"]["small"]["architecture"])
    model.load_weights(path)
    assert model.architecture == trained.architecture
    for loaded, original in zip(model.weights, trained.weights, strict=True):
        expected = keras.ops.convert_to_numpy(original).astype("float16").astype("float32")
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded), expected)


def test_released_file_is_half_as_large(released, trained, run):
    _, path, _ = released
    assert sum(values.nbytes for values in arrays(path).values()) == 2 * trained.count_params()
    assert path.stat().st_size < 0.6 * (run / "model.weights.h5").stat().st_size
    assert {values.dtype for values in arrays(path).values()} == {np.dtype("float16")}


def test_release_without_a_manifest(run, tmp_path):
    path = entry.release(run, tmp_path / "new", "small")
    manifest = json.loads((tmp_path / "new" / "manifest.json").read_text())
    assert manifest["format"] == zoo.FORMAT and list(manifest["models"]) == ["small"]
    assert path.is_file()


@pytest.mark.parametrize(
    ("part", "stage"),
    [("keypoint_subnet", "keypoints"), ("person_pyramid", "person"), ("prn",) * 2],
)
def test_missing_part(run, tmp_path, part, stage):
    for other in [
        "model.json",
        *(f"{name}.weights.h5" for stage in of_system("multiposenet") for name in stage.parts),
    ]:
        if other != f"{part}.weights.h5":
            (tmp_path / other).symlink_to(run / other)
    with pytest.raises(WeightsError, match=rf"{part}\.weights\.h5: .*`multiposenet train {stage}`"):
        entry.release(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_half_precision_keeps_names_types_and_attributes(tmp_path):
    path = tmp_path / "a.weights.h5"
    values = np.array([[1.0, -2.5e-5], [3e-9, 6e4]], "float32")
    with h5py.File(path, "w") as file:
        file.attrs["kind"] = "test"
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        group.create_dataset("0", data=values)
        group.create_dataset("1", data=np.array([7, 8], "uint32"))
        group.create_dataset("2", data=np.float32(0.1))
        file.create_group("layers/empty")
    entry.half_precision(path)
    with h5py.File(path) as file:
        assert file.attrs["kind"] == "test"
        assert file["layers/dense/vars"].attrs["name"] == "dense" and "layers/empty" in file
        found = arrays(path)
    np.testing.assert_array_equal(found["layers/dense/vars/0"], values.astype("float16"))
    assert found["layers/dense/vars/1"].dtype == np.uint32
    assert found["layers/dense/vars/2"] == np.float16(0.1)
    assert [file.name for file in tmp_path.iterdir()] == ["a.weights.h5"]


@pytest.mark.parametrize("value", [7e4, np.nan])
def test_half_precision_does_not_break_weights(tmp_path, value):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("vars/0", data=np.array([1.0, value], "float32"))
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="a.weights.h5: vars/0: exceeds"):
        entry.half_precision(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.weights.h5"]
