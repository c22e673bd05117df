"""What of a pretrained backbone is trained, and how fast."""

import keras
import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.systems.architecture import NANO
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import recipes
from multiposenet.training.loop.engine import Engine
from multiposenet.training.loop.optimizer import Adam
from multiposenet.training.registry import STAGES
from multiposenet.training.stages.fine_tuning import freeze
from multiposenet.training.stages.keypoints import KeypointStage, stage_of
from multiposenet.training.stages.person import PersonStage

pytestmark = pytest.mark.usefixtures("eagerly")

NANO_START = {"pretrained": "multiposenet-nano"}


def _backbone():
    images = keras.Input((None, None, 3))
    outputs, x = {}, keras.layers.Conv2D(4, 3, 2, "same", name="stem")(images)
    for level in ("C2", "C3", "C4", "C5"):
        x = keras.layers.DepthwiseConv2D(3, 2, "same", name=f"{level}_depthwise")(x)
        x = keras.layers.BatchNormalization(name=f"{level}_bn")(x)
        outputs[level] = x = keras.layers.Conv2D(4, 1, name=f"{level}_conv")(x)
    return keras.Model(images, outputs, name="backbone")


def test_only_later_convolutions_that_mix_channels_are_trained():
    backbone = _backbone()
    freeze(backbone, "C3")
    trained = {layer.name for layer in backbone.layers if layer.trainable_variables}
    assert trained == {"C4_conv", "C5_conv"}


def test_a_stage_moves_only_those_and_slowly():
    keras.utils.set_random_seed(0)
    recipe = recipes.NanoKeypoints(
        precision="float32", weight_decay=0.0, clip_norm=0.0, ema=0.0, learning_rate=1e-3
    )
    engine = Engine()
    model = MultiPoseNet(_backbone(), architecture=NANO)
    stage = KeypointStage(model, frozen="C3", backbone_rate=0.1)
    before = {v.path: keras.ops.convert_to_numpy(v) for v in model.backbone.variables}
    head = model.keypoint_subnet.get_layer("prediction").kernel
    head_before = keras.ops.convert_to_numpy(head)
    rng = np.random.default_rng(0)
    maps = rng.uniform(size=(2, 16, 16, 18)).astype(np.float32)
    batch = rng.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    with engine.training(stage, recipe):
        stage.optimizer.learning_rate = 1e-3
        engine.step(stage, [(batch, {"target": maps, "weight": np.ones_like(maps)})])
    moved = {}
    for variable in model.backbone.variables:
        change = np.abs(keras.ops.convert_to_numpy(variable) - before[variable.path]).max()
        if change:
            moved[variable.path] = change
    assert set(moved) == {
        f"{level}_conv/{kind}" for level in ("C4", "C5") for kind in ("kernel", "bias")
    }
    # Adam's first step is as long as the learning rate.
    assert max(moved.values()) == pytest.approx(1e-4, rel=1e-2)
    change = np.abs(keras.ops.convert_to_numpy(head) - head_before).max()
    assert change == pytest.approx(1e-3, rel=1e-2)


def test_layers_are_frozen_by_name():
    stage = KeypointStage(
        MultiPoseNet("nano"), frozen_layers=("backbone", "keypoint_subnet/d5_conv?", "*/k2_*")
    )
    trained = {variable.path for variable in stage.trainable_variables}
    assert not any(path.startswith(("stem/", "d5_conv1/", "d5_conv2/", "k2_")) for path in trained)
    assert {"d4_conv1/kernel", "prediction/kernel"} <= trained
    with pytest.raises(InputError, match="frozen_layers: 'keypoint_subnet/d9': is of no layer"):
        KeypointStage(MultiPoseNet("nano"), frozen_layers=("keypoint_subnet/d9",))
    with pytest.raises(InputError, match="nothing of person_pyramid, person_subnet is left"):
        PersonStage(MultiPoseNet("nano"), frozen_layers=("person_*",))


def test_pretrained_weights_do_not_decay():
    pretrained, new = (keras.Variable(np.ones(1, np.float32)) for _ in range(2))
    optimizer = Adam(weight_decay=0.5, rates=[0.2, 1.0])
    optimizer.build([pretrained, new])
    optimizer.learning_rate = 0.1
    optimizer.apply([keras.ops.zeros(1)] * 2, [pretrained, new])
    assert keras.ops.convert_to_numpy(pretrained)[0] == 1.0
    assert keras.ops.convert_to_numpy(new)[0] == pytest.approx(0.95)


def test_relative_steps_are_shares_of_the_size():
    large, small = (keras.Variable(np.full(4, size, np.float32)) for size in (50.0, 5e-3))
    nothing = keras.Variable(np.zeros(4, np.float32))
    optimizer = Adam(rates=[1.0, 0.5, 1.0], relative=[True] * 3)
    optimizer.build([large, small, nothing])
    optimizer.learning_rate = 0.01
    optimizer.apply([-keras.ops.ones(4)] * 3, [large, small, nothing])
    # Adam's first step is as long as the learning rate.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(large), 50.0 * 1.01, rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(small), 5e-3 * 1.005, rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(nothing), 1e-5, rtol=1e-3)


def test_what_is_a_movenets_moves_relatively_and_slowly():
    stage = KeypointStage(MultiPoseNet("movenet_lightning"), frozen="C4", backbone_rate=0.25)
    kinds = dict(zip((v.path for v in stage.trainable_variables), stage.relative, strict=True))
    taken = {path for path, relative in kinds.items() if relative}
    assert {path.split("/")[-2] for path in taken} >= {
        "Conv_1", "level5_lateral", "level2_smooth_depthwise", "merged_conv_pointwise", "prediction"
    }  # fmt: skip
    assert not any("/d3_" in path or "_bn/" in path for path in taken)
    rates = dict(zip(kinds, stage.rates, strict=True))
    assert {rates[path] for path in taken} == {0.25}
    assert {rates[path] for path in set(kinds) - taken} == {1.0}


@pytest.mark.parametrize(
    "changes, keypoints, begun",
    [
        ({}, COCO_17, ("backbone", "keypoint_pyramid", "keypoint_subnet")),
        ({}, LSP_14, ("backbone", "keypoint_pyramid")),
        ({"pretrained": "none"}, COCO_17, ()),
        ({**NANO_START, "pretrained_parts": ("backbone",)}, COCO_17, ("backbone",)),
        (NANO_START, LSP_14, ("backbone", "keypoint_pyramid", "keypoint_subnet")),
    ],
)
def test_what_begins_anew_does_not_move_relatively_or_slowly(changes, keypoints, begun):
    """A prediction of zeros could hardly leave them by steps relative to its size."""
    model = MultiPoseNet("movenet_lightning", skeleton=keypoints)
    stage = stage_of(model, recipes.MoveNetKeypoints(**changes, backbone_rate=0.25))
    moves = zip(stage.trainable_variables, stage.relative, strict=True)
    relative = {id(variable) for variable, one in moves if one}
    for part in STAGES["keypoints"].parts:
        found = [id(v) in relative for v in getattr(model, part).trainable_variables]
        assert any(found) == (part in begun), part
    rates = zip(stage.trainable_variables, stage.rates, strict=True)
    assert {rate for v, rate in rates if "prediction" in v.path} == (
        {0.25, 1.0} if "keypoint_subnet" in begun else {1.0}
    )


def test_the_average_forgets_the_initial_weights():
    variable = keras.Variable(np.array([100.0], np.float32))
    optimizer = Adam(ema=0.998)
    optimizer.build([variable])
    optimizer.learning_rate = 0.0
    average = optimizer._model_variables_moving_average[0]
    wanted = None
    for step in range(60):
        value = np.float32(step)
        variable.assign([value])
        optimizer.apply([keras.ops.zeros(1)], [variable])
        momentum = min(0.998, step / (9 + step))
        wanted = value if step == 0 else momentum * wanted + (1 - momentum) * value
        assert keras.ops.convert_to_numpy(average)[0] == pytest.approx(wanted, rel=1e-5)
    assert wanted > 45


@pytest.mark.parametrize(
    "wrong", [{"frozen": "C6"}, {"backbone_rate": 0.0}, {"backbone_rate": 1.5}]
)
def test_wrong_values_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        recipes.NanoKeypoints(**wrong)
