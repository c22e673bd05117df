"""The mask is learnt beside heatmaps that stay as they are."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.networks.public_weights.movenet_weights import load_movenet
from multiposenet.systems.architecture import MOVENET
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.loop import fitting
from multiposenet.training.recipes import MoveNetKeypoints
from multiposenet.training.release.person_mask import PersonMaskStage, mask_batches

random_movenet = pytest.importorskip("random_movenet")


@pytest.fixture(params=[0, 8])
def model(request, tmp_path_factory):
    """With and without further channels of the pyramid."""
    keras.utils.set_random_seed(0)
    sizes = dataclasses.replace(MOVENET, further_channels=request.param)
    made = MultiPoseNet("movenet_multipose", architecture=sizes)
    path = random_movenet.write(tmp_path_factory.mktemp("movenet"))
    load_movenet(path, made.backbone, made.keypoint_pyramid, made.keypoint_subnet)
    return made


class Batches:
    """The left half of every image is bright and a person; no label tells of the upper half."""

    samples, fingerprint = (), "halves"

    def __call__(self, step):
        rng = np.random.default_rng(step)
        images = rng.integers(0, 60, (2, 64, 64, 3))
        images[:, :, :32] += 150
        target = np.zeros((2, 16, 16, 18), np.float16)
        target[:, :, :8, -1] = 1
        weight = np.ones_like(target, np.uint8)
        target[:, :8], weight[:, :8] = 0, 0
        return images.astype(np.uint8), {"target": target, "weight": weight}

    def describe(self, step):
        return "halves"


def teacher(images):
    """Knows the same, and is less sure."""
    return 0.2 + 0.6 * (images[:, ::4, ::4, :1] > 100)


def test_the_teacher_stands_where_no_label_does(model):
    features, y = mask_batches(Batches(), model, teacher)(3)
    assert set(features) == set(model.keypoint_pyramid.input)
    assert y["target"].shape == (2, 16, 16, 1) and (y["weight"] == 1).all()
    for side, told in ((slice(0, 8), 1), (slice(8, None), 0)):
        np.testing.assert_array_equal(y["target"][:, 8:, side], told)
        np.testing.assert_allclose(y["target"][:, :8, side], 0.2 + 0.6 * told, atol=1e-3)


def test_the_mask_learns_and_nothing_else(model, tmp_path):
    images = Batches()(9)[0].astype("float32")
    features = model.backbone(images, training=False)
    before = ops.convert_to_numpy(model.keypoint_maps([features])["maps"])
    stage = PersonMaskStage(model)
    recipe = MoveNetKeypoints(warmup=0, learning_rate=3e-3, weight_decay=0.0)
    fitting.fit(stage, mask_batches(Batches(), model, teacher), recipe, steps=24, run=tmp_path)
    stage.release()
    after = ops.convert_to_numpy(model.keypoint_maps([features])["maps"])
    np.testing.assert_array_equal(after[..., :-1], before[..., :-1])
    gap = [(maps[:, :, :8, -1] - maps[:, :, 8:, -1]).mean() for maps in (before, after)]
    assert gap[1] > gap[0] + 1
    assert all(variable.constraint is None for variable in model.keypoint_subnet.variables)
