"""Exported files without a runtime: what stands beside them, and how they are pickled."""

import json
import multiprocessing
import pickle

import numpy as np
import pytest

from multiposenet.errors import WeightsError
from multiposenet.runtimes import exported
from multiposenet.skeleton import COCO_17
from multiposenet.systems.estimator import Estimator

BESIDE = {"skeleton": COCO_17.to_dict(), "image_size": None, "options": {"score": 0.2}}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file that is opened as a function which cannot be pickled."""
    path = tmp_path / "poses.onnx"
    path.write_bytes(b"model")
    exported.sidecar(path).write_text(json.dumps(BESIDE))
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
        *[
            json.dumps(BESIDE | change)
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
