"""Detectors by themselves: what ``convert-weights torchvision`` leaves, and what goes on from it.

The networks are small ones in the place of torchvision's; what its weights give them is another
test's.
"""

import dataclasses
import json

import numpy as np
import pytest
from keras import ops

from multiposenet.errors import InputError, MultiPoseNetWarning, WeightsError
from multiposenet.networks import backbones
from multiposenet.networks.backbones.compact import nano
from multiposenet.networks.public_weights import torch_files, torchvision_weights
from multiposenet.skeleton import LSP_14
from multiposenet.systems import architecture, estimator, keypoint_system
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.stages import pretrained

BACKBONE = "resnet50_torchvision"
PERSON = recipes.NanoPerson(
    steps=2, patch_size=64, backbone=BACKBONE, batch_size=2, warmup=1, precision="float32"
)
FILES = {"retinanet": {"head.x": np.ones(1)}, "keypointrcnn": {"roi_heads.keypoint_predictor.x": 1}}

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(autouse=True, scope="module")
def small_networks():
    def build(weights):
        return nano(filters=(16,) * 4, blocks=(1,) * 4, name=BACKBONE)

    few = {"pyramid_channels": 8, "keypoint_channels": 4, "head_channels": 8, "person_depth": 1}
    size = dataclasses.replace(architecture.TORCHVISION, **few, prn_nodes=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BUILDERS, BACKBONE, build)
        patch.setattr(architecture, "TORCHVISION", size)
        yield


@pytest.fixture
def convert(multiposenet, tmp_path, monkeypatch):
    """A conversion's folder and its --json; what its networks get is 0.01 everywhere."""

    def load(path, arrays, epsilon, **networks):
        for network in networks.values():
            network.set_weights([values * 0 + 0.01 for values in network.get_weights()])

    monkeypatch.setattr(torchvision_weights, "load", load)

    def convert(network, *options):
        monkeypatch.setattr(torch_files, "read", lambda path: FILES[network])
        out = tmp_path / network
        arguments = ("convert-weights", "torchvision", "a.pth", "--out", out, *options)
        status, text, errors = multiposenet(*arguments, "--json", "-")
        return (out, json.loads(text)) if status == 0 else errors

    return convert


def arrays(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def test_a_converted_detector(convert, tmp_path):
    """Its boxes serve top-down systems; who takes it for a whole model is told."""
    folder, about = convert("retinanet")
    assert about["network"] == "retinanet" and about["epsilon"] == 0
    assert about["untrained"] == ["keypoint_subnet", "prn"]
    with pytest.warns(MultiPoseNetWarning, match="keypoint_subnet, prn: not trained, so that only"):
        pose = estimator.load(folder)
    assert pose.image_size == 1088 and pose.model.options.nms_iou == 0.5
    assert pose.model.architecture.box_coding == "centre_size"
    assert all((values == np.float32(0.01)).all() for values in arrays(pose.model.person_subnet))
    detector = keypoint_system.detector_of(folder, 0.6)  # without a warning, which were an error
    people = detector(np.zeros((64, 96, 3), np.uint8))
    assert len(people) and np.isfinite(people.boxes).all()


def test_options_of_the_conversion(convert, multiposenet):
    (error,) = convert("retinanet", "--epsilon", "-1")
    assert "--epsilon: -1.0; give a number from 0 to 1" in error
    (error,) = convert("retinanet", "--skeleton", "lsp_14")
    assert "torchvision: --skeleton: not of this kind" in error
    arguments = ("hourglass", "a.pth", "--out", "out", "--epsilon", "0")
    (error,) = multiposenet("convert-weights", *arguments)[2]
    assert "hourglass: --epsilon: not of this kind" in error
    assert convert("retinanet", "--epsilon", "1e-5")[1]["epsilon"] == 1e-5


def test_keypoint_rcnn_is_a_start_only(convert):
    folder, about = convert("keypointrcnn")
    assert about["untrained"] == ["keypoint_subnet", "person_subnet", "prn"]
    assert not (folder / "person_subnet.weights.h5").exists()
    with pytest.raises(WeightsError, match="missing, as not trained are keypoint_subnet, person"):
        estimator.load(folder)
    model = MultiPoseNet(BACKBONE, LSP_14)
    before = {name: arrays(part) for name, part in model.blocks.items()}
    for stage in ("keypoints", "person", "prn"):
        pretrained.take(model, str(folder), stage)
    taken = {"backbone", "keypoint pyramid", "person pyramid"}
    for name, part in model.blocks.items():
        same = all(map(np.array_equal, arrays(part), before[name]))
        assert same == (name not in taken), name
        assert same or all((values == np.float32(0.01)).all() for values in arrays(part))


def test_a_detector_is_fine_tuned(convert, scenes, tmp_path, monkeypatch):
    """By the person stage alone; the run is a detector again, on the same backbone."""
    folder, _ = convert("retinanet")
    monkeypatch.undo()
    run = tmp_path / "run"
    recipe = dataclasses.replace(PERSON, pretrained=str(folder))
    files = pipeline.train("person", coco.read(scenes), run, recipe)
    assert run / "model.weights.h5" in files
    assert run_folder.untrained(run) == ("keypoint_subnet", "prn")
    model = keypoint_system.detector_of(run, 0.6).model
    assert model.options.image_size == 1088
    assert all((values == np.float32(0.01)).all() for values in arrays(model.backbone))
    learnt = arrays(model.person_subnet)
    assert any((values != np.float32(0.01)).any() for values in learnt)
    for ours, others in zip(learnt, arrays(run_folder.load_model(run).person_subnet), strict=True):
        np.testing.assert_array_equal(ours, others)
    with pytest.raises(WeightsError, match="train keypoints` first"):
        pipeline.train("person", coco.read(scenes), tmp_path / "other", PERSON)
    run_folder.save_parts(run, "prn", [model.prn])
    assert run_folder.untrained(run) == ("keypoint_subnet",)
    assert run_folder.read_architecture(run / "model.json")["options"]["image_size"] == 1088


def test_a_loss_of_other_maps(scenes, tmp_path):
    """Logits learnt as if they were maps would be taken for logits."""
    recipe = recipes.PaperKeypoints(backbone=BACKBONE, pretrained="none", steps=1)
    with pytest.raises(InputError, match="loss: 'l2' is not of sigmoid maps.*use 'quality_focal'"):
        pipeline.train("keypoints", coco.read(scenes), tmp_path, recipe)


def test_a_damaged_list_of_parts(convert):
    folder, _ = convert("retinanet")
    path = folder / "model.json"
    path.with_name("model.json.sha256").unlink()
    content = json.loads(path.read_text())
    for wrong in ("prn", [1], {}):
        path.write_text(json.dumps({**content, "untrained": wrong}))
        with pytest.raises(WeightsError, match="model.json: untrained: no list of names"):
            estimator.load(folder)
