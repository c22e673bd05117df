"""The maps of an image and of its halves become one, by the attention of each."""

import dataclasses

import cv2
import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.maths.geometry import PADDING
from multiposenet.networks.octaves import Halved, fused
from multiposenet.systems.architecture import MOVENET
from multiposenet.systems.multiposenet import MultiPoseNet

RNG = np.random.default_rng(0)


def octave(height, width, channels=3):
    shape = (1, height, width, channels)
    return {key: RNG.normal(size=shape).astype("float32") for key in ("maps", "attention")}


def enlarged(maps):
    """Twice as large by OpenCV, which interpolates between the centres of pixels."""
    size = (2 * maps.shape[2], 2 * maps.shape[1])
    return cv2.resize(maps[0], size, interpolation=cv2.INTER_LINEAR)[None]


def fusion(octaves):
    return ops.convert_to_numpy(fused(octaves))


def test_a_softmax_of_two():
    octaves = fine, coarse = octave(8, 12), octave(4, 6)
    maps, attention = (
        np.stack([fine[key], enlarged(coarse[key])]) for key in ("maps", "attention")
    )
    share = np.exp(attention) / np.exp(attention).sum(axis=0)
    np.testing.assert_allclose(fusion(octaves), (share * maps).sum(axis=0), atol=1e-5)


def test_octaves_that_see_equally_well_count_alike():
    octaves = [octave(4, 4), octave(2, 2), octave(1, 1)]
    for one in octaves:
        one["attention"][:] = 0.3
    first, second, third = (one["maps"] for one in octaves)
    expected = (first + enlarged(second) + enlarged(enlarged(third))) / 3
    np.testing.assert_allclose(fusion(octaves), expected, atol=1e-5)


def test_the_surplus_of_padded_halves_is_cut():
    fine, coarse = octave(5, 7), octave(4, 4)
    cut = {key: enlarged(values)[:, :5, :7] for key, values in coarse.items()}
    share = 1 / (1 + np.exp(cut["attention"] - fine["attention"]))
    expected = share * fine["maps"] + (1 - share) * cut["maps"]
    np.testing.assert_allclose(fusion([fine, coarse]), expected, atol=1e-5)


@pytest.mark.parametrize("height, width", [(64, 128), (96, 160), (32, 64)])
def test_halves_are_means_of_four_and_padded(height, width):
    images = RNG.uniform(0, 255, (2, height, width, 3)).astype("float32")
    half = ops.convert_to_numpy(Halved(32)(images))
    assert half.shape[1] % 32 == half.shape[2] % 32 == 0
    means = images.reshape(2, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(half[:, : height // 2, : width // 2], means, atol=1e-3)
    surplus = np.ones(half.shape, bool)
    surplus[:, : height // 2, : width // 2] = False
    assert (half[surplus] == PADDING).all()
    assert half.shape[1] - height // 2 < 32 and half.shape[2] - width // 2 < 32


@pytest.mark.one_backend
def test_a_model_of_two_octaves_sees_with_the_same_weights():
    keras.utils.set_random_seed(0)
    two = MultiPoseNet("movenet_multipose", architecture=dataclasses.replace(MOVENET, octaves=2))
    attention = two.keypoint_subnet.get_layer("attention_prediction")
    attention.set_weights([RNG.normal(size=w.shape) for w in attention.get_weights()])
    images = RNG.uniform(0, 255, (1, 96, 160, 3)).astype("float32")
    alone = [
        two.keypoint_maps([two.backbone(octave, training=False)], training=False)
        for octave in (images, Halved(32)(images))
    ]
    expected = fusion(alone)
    maps = two.keypoint_maps(two.features(images))["maps"]
    np.testing.assert_allclose(ops.convert_to_numpy(maps), expected, atol=1e-4)
    bare = two.network()(images)["maps"]
    np.testing.assert_allclose(ops.convert_to_numpy(bare), expected, atol=1e-4)
    mask = ops.convert_to_numpy(two(images)["mask"])
    np.testing.assert_allclose(mask, 1 / (1 + np.exp(-expected[..., -1])), atol=1e-4)
    with two.levels_apart():
        maps = two.keypoint_maps(two.features(images))["maps"]
    np.testing.assert_allclose(ops.convert_to_numpy(maps), expected, atol=1e-4)


def test_other_backbones_see_one_octave():
    with pytest.raises(ValueError, match="octaves: 2, but only on .*give 1, or use one of"):
        MultiPoseNet("nano", architecture=dataclasses.replace(MOVENET, octaves=2))
