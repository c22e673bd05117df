"""Exported files without a runtime: what stands beside them, and how they are pickled."""

import json
import multiprocessing
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.runtimes import export, exported
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator
from multiposenet.systems.estimator import Estimator

BESIDE = {"skeleton": COCO_17.to_dict(), "image_size": None, "options": {"score": 0.2}}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file that is opened as a function which cannot be pickled."""
    path = tmp_path / "poses.onnx"
    path.write_bytes(b"model")
    exported.write_sidecar(path, BESIDE)
    monkeypatch.setattr(
        exported, "open_function", lambda path, runtime: lambda images, names: {"sum": images.sum()}
    )
    return path


def test_models_are_pickled_as_their_file(file):
    model = exported.load(file)
    again = pickle.loads(pickle.dumps(model))
    assert (again.path, again.runtime, again.skeleton) == (file, "onnx", COCO_17)
    assert again(np.ones((1, 2, 2, 3)))["sum"] == 12 and again.run is not model.run
    with pytest.raises(TypeError, match="comes from no file"):
        pickle.dumps(exported.ExportedModel(None, COCO_17, None, {}, "none"))


def test_estimators_are_pickled_as_their_recipe(file):
    pose = Estimator(exported.load(file), image_size=320, score=0.4, batch_size=3, enlarge=1.5)
    again = pickle.loads(pickle.dumps(pose))
    assert again.model.path == file and again.options == pose.options
    assert (again.image_size, again.score, again.batch_size, again.enlarge) == (320, 0.4, 3, 1.5)


def _path_of(pose):
    return str(pose.model.path)


def test_in_another_process(file):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pose = Estimator(exported.load(file))
        assert pool.map(_path_of, [pose, pose]) == [str(file)] * 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "3",
        "null",
        "{}",
        "[" * 100_000,
        "x" * 2_000_000,
        json.dumps(BESIDE),
        *[
            json.dumps(BESIDE | {"files": {}} | change)
            for change in (
                {"skeleton": None},
                {"skeleton": []},
                {"skeleton": {"keypoints": 3}},
                {"skeleton": {"keypoints": [f"k{i}" for i in range(5000)]}},
                {"image_size": 3},
                {"image_size": [1]},
                {"image_size": ["a", "b"]},
                {"image_size": [0, -5]},
                {"options": None},
                {"options": [1]},
                {"files": None},
                {"files": [1]},
            )
        ],
    ],
    ids=lambda text: text[:30],
)
def test_what_stands_beside_is_checked(file, content):
    exported.sidecar(file).write_text(content)
    with pytest.raises(WeightsError, match="poses.onnx.json: file: missing or damaged; ") as caught:
        exported.load(file)
    assert "\n" not in str(caught.value)


def test_one_flipped_bit_is_found(file):
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(WeightsError, match="poses.onnx: sha256: is not that in "):
            exported.load(file)
    file.write_bytes(content)
    exported.load(file)


@pytest.mark.parametrize("digest", (None, 3, "", "0" * 64, ["a"]))
def test_checksums_of_other_types(file, digest):
    exported.sidecar(file).write_text(json.dumps(BESIDE | {"files": {file.name: digest}}))
    with pytest.raises(WeightsError, match="poses.onnx: sha256: is not that in "):
        exported.load(file)


def test_openvinos_weights_are_compared_too(file):
    path, weights = file.with_name("b.xml"), file.with_name("b.bin")
    path.write_text("graph")
    weights.write_text("weights")
    exported.write_sidecar(path, BESIDE)
    assert exported.load(path).runtime == "openvino"
    weights.write_text("weightz")
    with pytest.raises(WeightsError, match="b.xml: sha256: is not that in "):
        exported.load(path)


@pytest.fixture
def saved_model(file):
    path = file.with_name("poses")
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_text("graph")
    (path / "variables" / "data").write_text("numbers")
    exported.write_sidecar(path, BESIDE)
    return path


def test_a_saved_model_is_opened_only_where_that_is_asked_for(saved_model):
    with pytest.raises(InputError, match="poses: file: a SavedModel runs code when it is opened; "):
        exported.load(saved_model)
    with pytest.raises(InputError, match="a SavedModel runs code"):
        estimator.load(saved_model)
    model = exported.load(saved_model, trust_saved_model=True)
    assert estimator.load(saved_model, trust_saved_model=True).model.path == saved_model
    assert pickle.loads(pickle.dumps(model)).path == saved_model


@pytest.mark.parametrize("change", ("more", "fewer", "other"))
def test_all_files_of_a_saved_model_are_compared(saved_model, change):
    data = saved_model / "variables" / "data"
    if change == "more":
        (saved_model / "assets").write_text("what TensorFlow would read")
    elif change == "fewer":
        data.unlink()
    else:
        data.write_text("numberz")
    with pytest.raises(WeightsError, match="poses: sha256: is not that in poses.json"):
        exported.load(saved_model, trust_saved_model=True)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (target, place)
        for target in ("a.onnx", "a.xml", "a.tflite", "a")
        for place in exported.places(Path(target))
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ("file", "folder", "link"))
def test_an_export_replaces_nothing_of_others(tmp_path, target, place, kind):
    target, place = tmp_path / target, tmp_path / place
    kept = tmp_path / "kept"
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        kept.write_text("mine")
        place.symlink_to(kept)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"{place.name}: file: exists and is not what an export"):
        export.check_replaceable(target)
    written = tmp_path / ".new" / target.name
    written.parent.mkdir()
    written.write_text("new")
    with pytest.raises(InputError, match="exists and is not what"):
        export._move(written, target)
    shutil.rmtree(written.parent)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_replaces_what_it_left(file, saved_model):
    for path in (file, saved_model):
        export.check_replaceable(path)
    new = saved_model.parent / ".new" / saved_model.name
    new.mkdir(parents=True)
    (new / "saved_model.pb").write_text("new graph")
    exported.write_sidecar(new, BESIDE)
    export._move(new, saved_model)
    assert [each.name for each in saved_model.iterdir()] == ["saved_model.pb"]
    exported.load(saved_model, trust_saved_model=True)
    (saved_model / "notes.txt").write_text("mine")
    file.write_text("another model")
    for path in (file, saved_model):
        with pytest.raises(InputError, match="exists and is not what an export left"):
            export.check_replaceable(path)


def test_a_name_of_the_zoo_is_a_name(saved_model, monkeypatch):
    monkeypatch.chdir(saved_model.parent)
    name = zoo.names()[0]
    saved_model.rename(name)
    assert exported.format_of(name) is None
    for path in (f"./{name}", Path(name), saved_model.with_name(name)):
        assert exported.format_of(path) == "saved_model"
