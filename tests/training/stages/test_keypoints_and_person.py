"""The stages: which parts learn, what stays as it is, and the losses they add up."""

import keras
import numpy as np
import pytest
from keras import ops
from small_model import images, keypoint_labels, person_labels, small

from multiposenet.maths.anchors import anchors_for_image
from multiposenet.training import losses
from multiposenet.training.stages.keypoints import KeypointStage
from multiposenet.training.stages.person import PersonStage

KEYPOINT_PARTS = {"backbone", "keypoint pyramid", "keypoint subnet"}
PERSON_PARTS = {"person pyramid", "person subnet"}
DETECTOR = {
    "anchor_convention": "torchvision",
    "box_coding": "centre_size",
    "p6_from": "P5",
    "strided_padding": "symmetric",
}

pytestmark = pytest.mark.usefixtures("eagerly")


def snapshot(model):
    return {
        name: [ops.convert_to_numpy(weight) for weight in part.weights]
        for name, part in model.blocks.items()
    }


def changed(before, after):
    return {
        name
        for name in before
        if any((a != b).any() for a, b in zip(before[name], after[name], strict=True))
    }


@pytest.mark.parametrize("kind", ["keypoints", "person"])
def test_only_the_parts_of_the_stage_learn(kind, traced):
    """Batch statistics of the frozen parts stay, too."""
    model = small()
    if kind == "keypoints":
        stage, labels, expected = KeypointStage(model), keypoint_labels(), KEYPOINT_PARTS
    else:
        stage, labels, expected = PersonStage(model), person_labels(model), PERSON_PARTS
    stage.compile(keras.optimizers.SGD(0.1))
    before = snapshot(model)
    stage.train_on_batch(images(), labels)
    assert changed(before, snapshot(model)) == expected
    trained = {id(weight) for weight in stage.trainable_variables}
    parts = [model.blocks[name] for name in expected]
    assert trained == {id(weight) for part in parts for weight in part.trainable_variables}


def test_one_stage_after_the_other():
    """A stage decides anew which parts learn."""
    model = small()
    PersonStage(model)
    stage = KeypointStage(model)
    stage.compile(keras.optimizers.SGD(0.1))
    before = snapshot(model)
    stage.train_on_batch(images(), keypoint_labels())
    assert changed(before, snapshot(model)) == KEYPOINT_PARTS


def test_keypoint_loss_adds_the_intermediate_ones():
    model = small()
    stage = KeypointStage(model, losses.weighted_l2, intermediate=0.3)
    labels, outputs = keypoint_labels(), stage(images(), training=False)
    maps = {key: ops.convert_to_numpy(value) for key, value in outputs.items()}
    expected = 0.0
    for key, share in (("maps", 1), ("K2", 0.3), ("K3", 0.3), ("K4", 0.3), ("K5", 0.3)):
        factor = 16 // maps[key].shape[1]
        upsampled = maps[key].repeat(factor, axis=1).repeat(factor, axis=2)
        expected += share * np.mean(labels["weight"] * (labels["target"] - upsampled) ** 2)
    loss = stage.compute_loss(images(), labels, outputs)
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-5)


def corner_deltas(grid, boxes):
    return (boxes - grid) / (0.2 * np.tile(grid[:, 2:] - grid[:, :2], 2))


def centre_deltas(grid, boxes):
    sides, wanted = grid[:, 2:] - grid[:, :2], boxes[..., 2:] - boxes[..., :2]
    moved = (boxes[..., :2] + wanted / 2 - grid[:, :2] - sides / 2) / sides
    return np.concatenate([moved, np.log(wanted / sides)], axis=-1)


@pytest.mark.parametrize("fields, coded", [({}, corner_deltas), (DETECTOR, centre_deltas)])
def test_person_loss_is_classification_and_boxes(fields, coded):
    model = small(**fields)
    stage = PersonStage(model)
    labels, outputs = person_labels(model), stage(images(), training=False)
    grid = anchors_for_image((64, 64), model.anchors)
    deltas = coded(grid, labels["boxes"]).astype("float32")
    expected = losses.focal(labels["labels"], outputs["logits"]) + losses.smooth_l1(
        labels["labels"], deltas, outputs["deltas"]
    )
    loss = stage.compute_loss(images(), labels, outputs)
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(float(expected), rel=1e-5)


def test_person_stage_sees_the_network_as_it_will_run():
    """The frozen backbone runs with its stored batch statistics also in training."""
    model = small()
    stage = PersonStage(model)
    features = model.backbone(images(), training=False)
    expected, _, _ = model.person_predictions(features, training=True)
    found = stage(images(), training=True)["logits"]
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5
    )
