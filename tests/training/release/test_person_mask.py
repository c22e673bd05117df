"""The mask is learnt beside heatmaps that stay as they are."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.networks.public_weights.movenet_weights import load_movenet
from multiposenet.systems.architecture import MOVENET
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.release import person_mask

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


def _batch(step):
    """The left half of every image is bright and a person; on its last row nothing is known."""
    rng = np.random.default_rng(step)
    images = rng.integers(0, 60, (2, 64, 64, 3))
    images[:, :, :32] += 150
    target = np.zeros((2, 16, 16, 18), np.float16)
    target[:, :, :8, -1] = 1
    weight = np.ones_like(target, np.uint8)
    target[:, -1], weight[:, -1] = 1, 0
    return images.astype(np.uint8), {"target": target, "weight": weight}


def test_the_mask_learns_and_nothing_else(model):
    images = _batch(9)[0].astype("float32")
    features = model.backbone(images, training=False)
    before = ops.convert_to_numpy(model.keypoint_maps(features)["maps"])
    losses = person_mask.teach(model, _batch, count=2, epochs=12)
    after = ops.convert_to_numpy(model.keypoint_maps(features)["maps"])
    np.testing.assert_array_equal(after[..., :-1], before[..., :-1])
    assert losses[-1] < 0.6 * losses[0]
    assert np.abs(after[..., -1] - before[..., -1]).max() > 0.1
    assert all(variable.constraint is None for variable in model.keypoint_subnet.variables)
