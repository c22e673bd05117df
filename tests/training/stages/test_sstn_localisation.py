"""The localisation network learns where true boxes are."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops
from painted import FLIP, sample
from tiny_rmpe import RECIPES

from multiposenet.networks.pose_localisation import pose_localisation
from multiposenet.networks.spatial_transformer import transform
from multiposenet.training.patches.targets import centre_pose, centring_theta
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.stages import sstn

SMALL, WIDE = (48, 32), (60, 40)
POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]
BOX = (70, 40, 134, 112)


def colour_sppe():
    images = keras.Input((*SMALL, 3))
    return keras.Model(images, {"heatmaps": layers.AveragePooling2D(4)(images) / 255.0})


@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_an_exact_stn_brings_the_centred_pose_back(margin):
    rng = np.random.default_rng(0)
    low = rng.uniform(2, 15, (5, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 25, (5, 2))], axis=1)
    points = rng.uniform(0, 40, (5, 4, 2))
    centred = centre_pose(points, boxes, SMALL, margin)
    theta = centring_theta(boxes, WIDE, SMALL, margin)
    shown = centred / (SMALL[1], SMALL[0]) * 2 - 1
    back = (ops.convert_to_numpy(transform(theta, shown)) + 1) / 2 * (WIDE[1], WIDE[0])
    np.testing.assert_allclose(back, points, atol=1e-4)


def test_corner_error_by_hand():
    exact = np.float32([[[0.8, 0, 0], [0, 0.8, 0]]])
    moved = np.float32([[[0.8, 0, 0.1], [0, 0.8, 0]]])  # a tenth in x, nothing in y
    far = np.float32([[[0.8, 0, 0.4], [0, 0.8, 0]]])
    found = [ops.convert_to_numpy(sstn.corner_error(exact, x)) for x in (exact, moved, far)]
    linear = 0.2 * (0.4 - 0.2 / 2)
    np.testing.assert_allclose(np.stack(found)[:, 0], [0, 0.1**2 / 4, linear / 2], atol=1e-6)


def test_it_learns_where_true_boxes_are(tmp_path):
    """From a photo whose keypoints are its colours, of an SPPE that finds them."""
    photo = sample(tmp_path, POINTS, [BOX])
    recipe = dataclasses.replace(
        RECIPES["sstn"],
        localisation_crops=1536,
        batch_size=64,
        scale=(1.0, 1.0),
        rotation_chance=0.0,
    )
    noise = BoxNoise("abc", 0.15)
    network = pose_localisation(colour_sppe(), WIDE, linear=0.32, scale=0.8)
    before, after = sstn.train_localisation(network, [photo], recipe, FLIP, noise, SMALL)
    assert after < 0.3 * before
    images, exact = sstn.LocalisationBatches([photo], recipe, WIDE, FLIP, noise, SMALL)(0)
    error = sstn.corner_error(exact, network.predict_on_batch(images))
    assert float(ops.mean(error)) < 0.4 * before  # on crops that it has not learnt from
