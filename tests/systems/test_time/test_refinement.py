"""Networks that estimate poses once more, by their names."""

import keras
import numpy as np
import pytest

from multiposenet import zoo
from multiposenet.networks.grmi import GRMIArchitecture, inference_model
from multiposenet.runtimes import export_cache
from multiposenet.skeleton import COCO_17
from multiposenet.systems import model_files
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.test_time import refinement
from multiposenet.training import run_folder

pytestmark = pytest.mark.usefixtures("eagerly")
BOXES = np.float32([[10, 5, 40, 60], [30, 10, 60, 50]])


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (70, 80, 3), np.uint8)


def same(found, wanted, image):
    for own, other in zip(found([image], [BOXES])[0], wanted([image], [BOXES])[0], strict=True):
        np.testing.assert_allclose(own, other, atol=1e-3)


def test_a_run_of_grmi_in_the_runtime_that_is_asked_for(tmp_path, image, monkeypatch):
    architecture = GRMIArchitecture("nano", (64, 32), head_channels=0)
    network = architecture.network(17)
    described = run_folder.describe_sppe(COCO_17, architecture)
    run_folder.record_architecture(tmp_path / "grmi.json", described)
    inference_model(network).save_weights(tmp_path / "grmi.weights.h5")
    asked = []
    monkeypatch.setattr(export_cache, "opened", lambda *given: asked.append(given[2]))
    found = refinement.load_persons(str(tmp_path), "onnx")
    assert asked == ["onnx"] and found.margin == 0.25
    model = keypoint_model(inference_model(network), architecture.codec)
    same(found, SinglePersonEstimator(model, COCO_17, 0.25), image)


def test_the_keypoint_subnet_of_a_multiposenet(image, monkeypatch):
    model = MultiPoseNet("nano")
    monkeypatch.setattr(refinement, "SIZE", (64, 64))
    monkeypatch.setattr(zoo, "is_name", lambda name, kind="models": kind == "models")
    monkeypatch.setattr(zoo, "entry", lambda name: {"architecture": {}})
    monkeypatch.setattr(zoo, "resolve", lambda name: name)
    monkeypatch.setattr(model_files, "load", lambda *_: model)
    crops = keras.Input((64, 64, 3))
    maps = keras.Model(crops, {"heatmaps": model.final_maps(model.features(crops))[..., :-1]})
    wanted = SinglePersonEstimator(keypoint_model(maps), COCO_17, 0.25)
    same(refinement.load_persons("any"), wanted, image)
