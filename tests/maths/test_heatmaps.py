"""Heatmaps: against a plain loop, and there and back to a fraction of a pixel."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.maths.heatmaps import GaussianHeatmaps

CODEC = GaussianHeatmaps(stride=4)


def encode(keypoints, sigmas, size_hw):
    return CODEC.encode(keypoints, sigmas, size_hw)["heatmaps"]


@functools.cache
def decoder(peaks):
    return compiled(lambda maps: CODEC.decode({"heatmaps": maps}, peaks))


@functools.cache
def single_decoder():
    return compiled(lambda maps: CODEC.decode_single({"heatmaps": maps}))


def decode(maps, peaks=4):
    points, scores = decoder(peaks)(ops.convert_to_tensor(maps[None]))
    return ops.convert_to_numpy(points)[0], ops.convert_to_numpy(scores)[0]


def decode_single(maps):
    points, scores = single_decoder()(ops.convert_to_tensor(maps))
    return ops.convert_to_numpy(points), ops.convert_to_numpy(scores)


def test_encode_against_a_loop():
    keypoints = np.array([[[10.3, 8.7, 2], [30, 4, 1]], [[14, 9, 2], [1, 1, 0]]])
    maps = encode(keypoints, [4.0, 6.0], (6, 10))
    for row in range(6):
        for column in range(10):
            x, y = 4 * (column + 0.5), 4 * (row + 0.5)
            for keypoint in range(2):
                values = [
                    np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
                    for (px, py, v), sigma in zip(keypoints[:, keypoint], (4, 6), strict=True)
                    if v > 0
                ]
                assert maps[row, column, keypoint] == pytest.approx(max(values), abs=1e-5)


def test_nobody():
    assert encode(np.zeros((0, 17, 3)), [], (4, 5)).shape == (4, 5, 17)


@pytest.mark.parametrize("sigma", [4.0, 7.0, 12.0])
def test_round_trip(sigma):
    rng = np.random.default_rng(0)
    keypoints = np.concatenate([rng.uniform(20, 108, (1, 30, 2)), np.full((1, 30, 1), 2)], axis=2)
    points, scores = decode(encode(keypoints, [sigma], (32, 32)), 1)
    assert np.abs(points[:, 0] - keypoints[0, :, :2]).max() < 0.05
    assert scores.min() > 0.75


def test_several_people_highest_first():
    keypoints = np.array([[[21.0, 19.0, 2]], [[91.0, 41.0, 2]], [[49.0, 99.0, 2]]])
    maps = encode(keypoints, [6.0] * 3, (32, 32))
    maps[:8] *= 0.5
    points, scores = decode(maps, 3)
    assert np.all(np.diff(scores[0]) <= 0)
    np.testing.assert_allclose(points[0][2], (21, 19), atol=0.5)


def test_peaks_at_the_border_stay_inside_their_cell():
    keypoints = np.array([[[-6.0, 60.0, 2], [127.0, 127.0, 2]]])
    points, _ = decode(encode(keypoints, [6.0], (32, 32)), 1)
    assert points.min() >= 0 and points.max() <= 128


def test_a_peak_in_the_border_cells_is_at_their_centre_across_the_border():
    keypoints = np.array([[[3.0, 61.0, 2], [127.5, 40.5, 2], [70.0, 1.0, 2]]])
    points, _ = decode(encode(keypoints, [6.0], (32, 32)), 1)
    np.testing.assert_allclose(points[:, 0], [(2, 61), (126, 40.5), (70, 2)], atol=0.05)


def test_empty_maps():
    points, scores = decode(np.zeros((8, 8, 2), "float32"))
    assert scores.max() == 0 and np.isfinite(points).all()


@pytest.mark.parametrize("sigma", [4.0, 8.0])
def test_single_person_round_trip(sigma):
    rng = np.random.default_rng(3)
    keypoints = np.concatenate([rng.uniform(20, 76, (2, 17, 2)), np.full((2, 17, 1), 2)], axis=2)
    maps = np.stack([encode(one[None], [sigma], (32, 24)) for one in keypoints])
    maps *= np.linspace(0.2, 1, 17, dtype="float32")
    points, scores = decode_single(maps)
    assert points.shape == (2, 17, 2)
    assert np.abs(points - keypoints[..., :2]).max() < 0.05
    np.testing.assert_allclose(scores, maps.max(axis=(1, 2)))


def test_single_person_of_negative_maps():
    """Linear maps of a network may be below zero everywhere; the highest cell still wins."""
    maps = np.full((1, 6, 8, 1), -2.0, "float32")
    maps[0, 3, 5] = -0.5
    points, scores = decode_single(maps)
    np.testing.assert_allclose(points, [[[22, 14]]])
    assert scores == 0


@pytest.mark.parametrize("height", [0.7, 1.0, 1.6])
def test_maps_above_1_are_refined_as_they_are(height):
    """Cut at 1, the peak of a linear map would be a plateau: in a wrong place, and several."""
    keypoints = np.array([[[42.9, 57.3, 2]], [[97.2, 31.6, 2]]])
    maps = height * encode(keypoints, [9.0, 9.0], (24, 32))
    points, scores = decode(maps, 8)
    assert (scores[0] > 0.5).sum() == 2 and scores.max() <= 1
    found = points[0, np.argsort(points[0, :2, 0])]
    np.testing.assert_allclose(found, keypoints[:, 0, :2], atol=0.05)
    points, scores = decode_single(maps[None])
    assert np.abs(points[0, 0] - keypoints[:, 0, :2]).max(axis=1).min() < 0.05
    assert 0 <= scores.min() <= scores.max() <= 1


def test_a_codec_is_its_numbers():
    assert GaussianHeatmaps(8) == GaussianHeatmaps(stride=8) != GaussianHeatmaps(4)
    config = keras.saving.serialize_keras_object(GaussianHeatmaps(8))
    assert keras.saving.deserialize_keras_object(config) == GaussianHeatmaps(8)
