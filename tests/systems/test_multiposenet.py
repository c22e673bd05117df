"""MultiPoseNet as one model: what it returns, saving, exporting, and the oracle on real photos."""

import dataclasses

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops
from random_model import four_convolutions

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks import backbones
from multiposenet.networks.layers import PRIOR_LOGIT
from multiposenet.networks.pose_residual_network import Max
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton
from multiposenet.systems import multiposenet, options
from multiposenet.systems.architecture import NANO, PAPER, Architecture
from multiposenet.systems.compilation import compiled as compiled_once
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.systems.options import InferenceOptions

SMALL = Architecture(
    pyramid_channels=8,
    keypoint_channels=4,
    head_channels=8,
    person_depth=1,
    norm=True,
    sigmoid=True,
    anchor_sizes=(16, 32, 64, 128, 256),
    prn_nodes=4,
    prn_stride=2,
)
OUTPUTS = {
    "boxes": (7, 4),
    "box_scores": (7,),
    "keypoints": (7, 17, 2),
    "keypoint_scores": (7, 17),
    "pose_scores": (7,),
}


def small(options=None, **arguments):
    options = {"max_people": 7, **(options or {})}
    return MultiPoseNet(four_convolutions(6), architecture=SMALL, options=options, **arguments)


def excite(model):
    """Lets an untrained model see people and keypoints everywhere."""
    rng = np.random.default_rng(0)
    for part in (model.keypoint_subnet, model.person_subnet):
        name = "prediction" if part is model.keypoint_subnet else "logits"
        layer = part.get_layer(name)
        layer.kernel.assign(rng.normal(scale=0.3, size=layer.kernel.shape))
        layer.bias.assign(np.zeros(layer.bias.shape))
    return model


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return excite(small())


@pytest.fixture(scope="module")
def traceable():
    """The same without batch normalization, in whose graph are fewer operations."""
    sizes = dataclasses.replace(SMALL, norm=False)
    return excite(MultiPoseNet(four_convolutions(6), architecture=sizes, options={"max_people": 7}))


def images(batch=2, height=64, width=96, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (batch, height, width, 3)).astype("float32")


def arrays(outputs):
    return {key: ops.convert_to_numpy(value) for key, value in outputs.items()}


def run(model, batch):
    return arrays(compiled(model)(batch))


def assert_same(a, b, **tolerance):
    assert set(a) == set(b)
    for key in a:
        if tolerance:
            np.testing.assert_allclose(a[key], b[key], err_msg=key, **tolerance)
        else:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (32, 32)])
def test_shapes_at_any_size(model, height, width):
    outputs = run(model, images(2, height, width))
    shapes = {key: value.shape[1:] for key, value in outputs.items()}
    cells = (height // 4, width // 4)
    assert shapes == OUTPUTS | {"heatmaps": (*cells, 17), "mask": cells}
    assert all(value.shape[0] == 2 and value.dtype == np.float32 for value in outputs.values())


def test_ranges(model):
    outputs = run(model, images())
    for key in ("box_scores", "keypoint_scores", "pose_scores", "heatmaps", "mask"):
        assert outputs[key].min() >= 0 and outputs[key].max() <= 1, key
    used = outputs["box_scores"] > 0
    assert used.any(axis=1).all()
    boxes = outputs["boxes"][used]
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert boxes.min() >= 0 and (boxes.max(axis=0) <= (96, 64, 96, 64)).all()
    assert (np.diff(outputs["box_scores"], axis=1) <= 0).all()
    mean = outputs["keypoint_scores"].mean(axis=-1)
    expected = np.sqrt(mean * outputs["box_scores"])
    np.testing.assert_allclose(outputs["pose_scores"], expected, rtol=1e-5)


def test_keypoints_belong_to_their_box(model):
    outputs = run(model, images())
    chosen = outputs["keypoint_scores"] > 0
    assert chosen.any()
    corner, size = (
        outputs["boxes"][:, :, None, :2],
        np.diff(outputs["boxes"].reshape(2, 7, 2, 2), axis=2),
    )
    place = (outputs["keypoints"] - corner) / np.maximum(size, 1e-3)
    assert (np.abs(place[chosen] - 0.5) <= 0.5 + MARGIN + 1e-3).all()
    for image, person, keypoint in np.argwhere(chosen)[::17]:
        x, y = outputs["keypoints"][image, person, keypoint]
        row, column = min(int(y // 4), 15), min(int(x // 4), 23)
        around = outputs["heatmaps"][
            image, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2, keypoint
        ]
        score = outputs["keypoint_scores"][image, person, keypoint]
        assert np.isclose(around, score, atol=1e-6).any()


def test_linear_maps_are_decoded_uncut(model):
    """The paper's maps are the output itself, which may exceed 1; heatmaps and scores do not."""
    sizes = dataclasses.replace(SMALL, sigmoid=False)
    linear = MultiPoseNet(four_convolutions(6), architecture=sizes, options={"max_people": 7})
    linear.set_weights(model.get_weights())
    batch = images()
    maps = ops.convert_to_numpy(linear.final_maps(linear.features(batch)))
    assert maps.max() > 1
    outputs = run(linear, batch)
    np.testing.assert_allclose(outputs["heatmaps"], maps[..., :-1].clip(0, 1), atol=1e-4)
    assert outputs["keypoint_scores"].max() == 1
    places, _ = GaussianHeatmaps().decode({"heatmaps": ops.convert_to_tensor(maps)}, 32)
    places = ops.convert_to_numpy(places)
    for image, person, keypoint in np.argwhere(outputs["keypoint_scores"] == 1)[::7]:
        offset = places[image, keypoint] - outputs["keypoints"][image, person, keypoint]
        assert np.abs(offset).max(axis=1).min() < 1e-2


def test_unused_rows_are_zero(model):
    layer = model.person_subnet.get_layer("logits")
    before = layer.get_weights()
    try:  # a probability of 0.01 everywhere
        layer.set_weights([np.zeros_like(before[0]), np.full_like(before[1], PRIOR_LOGIT)])
        outputs = run(model, images())
    finally:
        layer.set_weights(before)
    for key in ("boxes", "box_scores", "keypoint_scores", "pose_scores"):
        assert np.abs(outputs[key]).max() == 0, key
    assert all(np.isfinite(value).all() for value in outputs.values())


def test_an_image_does_not_depend_on_its_batch(model):
    batch = images(2)
    together = run(model, batch)
    for index in range(2):
        alone = run(model, batch[index : index + 1])
        assert_same(
            {key: value[0] for key, value in alone.items()},
            {key: value[index] for key, value in together.items()},
            rtol=1e-3,
            atol=2e-3,
        )


def test_uint8_images(model):
    batch = images().round()
    assert_same(run(model, batch.astype("uint8")), run(model, batch))


def test_predict_is_the_same(model):
    called = arrays(model(images()))
    assert_same(model.predict(images(), verbose=0), called, rtol=1e-3, atol=2e-3)


def test_keras_file_reloads_exactly(model, tmp_path):
    """With a backbone of the user's own, which the file holds, too."""
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.skeleton == COCO_17 and again.architecture == SMALL
    assert again.backbone.name == "four_convolutions" and again.options == model.options
    assert_same(run(again, images()), run(model, images()))


def test_weights_file_reloads_exactly(model, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    again = small()
    again.load_weights(tmp_path / "model.weights.h5")
    assert_same(run(again, images()), run(model, images()))


@pytest.mark.one_backend
def test_all_options_survive_a_file(tmp_path):
    keypoints = {"name": "stick", "keypoints": ["neck", "left_hip", "right_hip"], "limbs": [[0, 1]]}
    arguments = {"image_size": (64, 32), "name": "mine"}
    changed = InferenceOptions(640, 1.5, 0.2, 0.6, 0.1, 5, 7, 3, 2.0)
    model = small(skeleton=Skeleton.from_dict(keypoints), **arguments)
    model.options = changed
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    before, after = model.get_config(), again.get_config()
    assert after.pop("backbone")["config"]["name"] == before.pop("backbone")["config"]["name"]
    assert after == before and again.skeleton == model.skeleton
    assert {key: getattr(again, key) for key in arguments} == arguments
    assert again.options == changed


@pytest.mark.one_backend
def test_backbone_by_name_or_as_a_model(tmp_path):
    """Weights do not depend on how the backbone was given."""
    named = MultiPoseNet("nano")
    named.save_weights(tmp_path / "nano.weights.h5")
    given = MultiPoseNet(backbones.build("nano"), architecture=NANO)
    given.load_weights(tmp_path / "nano.weights.h5")
    assert named.get_config()["backbone"] == "nano"
    for a, b in zip(named.weights, given.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


@pytest.mark.one_backend
def test_own_skeleton():
    keypoints = {"name": "stick", "keypoints": ["neck", "left_hip", "right_hip"], "limbs": [[0, 1]]}
    outputs = run(small(skeleton=Skeleton.from_dict(keypoints)), images())
    assert outputs["keypoints"].shape == (2, 7, 3, 2)
    assert outputs["heatmaps"].shape == (2, 16, 24, 3)


def test_skeleton_by_name():
    assert small(skeleton=LSP_14.name).skeleton == LSP_14


@pytest.mark.one_backend
def test_defaults_of_the_backbones(monkeypatch):
    # The paper's PRN takes seconds to initialize.
    monkeypatch.setattr(multiposenet, "PoseResidualNetwork", lambda keypoints, **options: Max())
    nano, paper = MultiPoseNet("nano"), MultiPoseNet(four_convolutions(6))
    assert (nano.architecture, nano.options) == (NANO, options.NANO)
    assert (paper.architecture, paper.options) == (PAPER, InferenceOptions())
    assert small().architecture == SMALL
    changed = MultiPoseNet("nano", options={"nms_iou": 0.5}).options
    assert changed == dataclasses.replace(options.NANO, nms_iou=0.5)


def test_the_paper_has_no_power_of_scores_and_no_limit_of_candidates():
    assert options.PAPER.score_exponent == 1 and options.PAPER.candidates_per_box is None


def test_options_change_what_is_found_and_nothing_else(traceable):
    before, batch = traceable.options, images()
    find = compiled_once(traceable)
    usual = find(batch)
    try:
        traceable.options = dataclasses.replace(before, max_people=3, box_score=0.6, nms_iou=0.9)
        changed = find(batch)
    finally:
        traceable.options = before
    assert changed["boxes"].shape == (2, 3, 4) and usual["boxes"].shape == (2, 7, 4)
    scores = changed["box_scores"]
    assert scores[scores > 0].min() >= 0.6
    np.testing.assert_array_equal(changed["heatmaps"], usual["heatmaps"])
    assert_same(find(batch), usual)


@pytest.mark.usefixtures("eagerly")
def test_boxes_beyond_doubt_are_ranked_too(model, monkeypatch):
    """The sigmoids of 20 and 25 are both 1 in float32; of two that overlap, the better stays."""
    photo = images(batch=1)
    logits, deltas, shapes = model._person_levels(model.backbone(photo), training=False)
    first, each = ops.convert_to_numpy(logits) * 0 - 9, model.anchors.per_cell
    first[0, 30 * each], first[0, 31 * each] = 20, 25
    made = ops.convert_to_tensor(first), deltas * 0, shapes
    monkeypatch.setattr(MultiPoseNet, "_person_levels", lambda *_, **__: made)
    boxes, scores = map(ops.convert_to_numpy, model._persons(photo, None))
    anchor = ops.convert_to_numpy(model.person_predictions(None)[2])[31 * each]
    np.testing.assert_allclose(boxes[0, 0], np.clip(anchor, 0, (96, 64) * 2), atol=1e-4)
    np.testing.assert_array_equal(scores[0, :2], (1, 0))


def test_files_from_before_the_options(model):
    """There `nms_iou` was of the architecture, and every model chose as the nano does."""
    config = model.get_config()
    config["architecture"]["nms_iou"] = 0.45
    del config["options"]
    config |= {"max_people": 7, "max_peaks": 9}
    again = MultiPoseNet.from_config(config)
    assert again.architecture == SMALL
    assert again.options == dataclasses.replace(
        options.NANO, nms_iou=0.45, max_people=7, max_peaks=9
    )


def test_blocks_are_all_there_is(model):
    assert list(model.blocks) == [
        "backbone",
        "keypoint pyramid",
        "keypoint subnet",
        "person pyramid",
        "person subnet",
        "PRN",
    ]
    assert sum(block.count_params() for block in model.blocks.values()) == model.count_params()
    assert min(block.count_params() for block in model.blocks.values()) > 0


@pytest.mark.one_backend
def test_parameters_of_the_nano():
    blocks = MultiPoseNet("nano").blocks
    counts = {name: block.count_params() for name, block in blocks.items()}
    assert counts["PRN"] == 2 * 2142 * 128 + 128 + 2142
    assert sum(counts.values()) < 5_000_000  # 10 MB in half precision


@pytest.mark.parametrize("size", [(50, 64), (64, 33)])
def test_image_size_must_be_a_multiple_of_32(size):
    with pytest.raises(ValueError, match="image_size.*multiples of 32"):
        small(image_size=size)


def test_images_of_a_wrong_size(model):
    with pytest.raises(ValueError, match="images: 50x64 pixels; sides must be multiples of 32"):
        model(images(1, 50, 64))
    with pytest.raises(ValueError, match="images: 32x64 pixels, but image_size fixes"):
        small(image_size=(64, 64))(images(1, 32, 64))


def test_backbone_of_a_wrong_stride():
    inputs = keras.Input((None, None, 3))
    x, outputs = inputs, {}
    for level in ("C2", "C3", "C4", "C5"):
        x = outputs[level] = keras.layers.Conv2D(4, 3, 2, "same")(x)
    with pytest.raises(ValueError, match="C2 has stride 2; it must be 4"):
        MultiPoseNet(keras.Model(inputs, outputs), architecture=SMALL)


def test_unknown_weights():
    with pytest.raises(WeightsError, match="multiposenet-nona: model: unknown name"):
        small(weights="multiposenet-nona")


@pytest.mark.one_backend
def test_weights_of_another_architecture(model, tmp_path, monkeypatch):
    model.save_weights(tmp_path / "model.weights.h5")
    monkeypatch.setattr(zoo, "resolve", lambda name: tmp_path / "model.weights.h5")
    with pytest.raises(WeightsError, match="some-model: weights: do not fit") as error:
        MultiPoseNet("nano", weights="some-model")
    assert "\n" not in str(error.value)
    again = small(weights="some-model")
    assert_same(run(again, images()), run(model, images()))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModel is TensorFlow's")
def test_export_returns_finished_poses_at_any_size(traceable, tmp_path):
    import tensorflow as tf

    traceable.export(str(tmp_path / "poses"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "poses"))
    for batch in (images(2), images(1, 32, 64, seed=1)):
        exported = {key: value.numpy() for key, value in loaded.serve(batch).items()}
        assert_same(exported, run(traceable, batch), rtol=1e-4, atol=1e-3)


# The oracle: true heatmaps and boxes of real photos through decoding and grouping.


def test_fit_says_where_training_is():
    with pytest.raises(
        NotImplementedError, match="use multiposenet.fit or `multiposenet train STAGE .* docs"
    ):
        MultiPoseNet.fit(None, [])
