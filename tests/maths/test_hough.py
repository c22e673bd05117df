"""Hough voting: against a plain loop of its formula, and exact where a coarse map is not."""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.maths.hough import DiskOffsets
from multiposenet.runtimes import exported
from multiposenet.systems.keypoint_model import KeypointDecoder

CODEC = DiskOffsets(stride=8, radius=25.0)
CELLS = (12, 9)


def single(codec, maps):
    return map(ops.convert_to_numpy, compiled(codec.decode_single)(tensors(maps)))


def tensors(maps):
    return {name: ops.convert_to_tensor(values) for name, values in maps.items()}


def random_maps(seed=0, images=2, keypoints=3, cells=CELLS, spread=60.0):
    """Many votes leave the maps."""
    rng = np.random.default_rng(seed)
    return {
        "heatmaps": rng.uniform(size=(images, *cells, keypoints)).astype("float32"),
        "offsets": rng.normal(0, spread, (images, *cells, 2 * keypoints)).astype("float32"),
    }


def persons(count, size_hw, seed=0, border=30):
    """(count, 17, 3) random keypoints, all visible."""
    rng = np.random.default_rng(seed)
    low, high = (border, border), np.array(size_hw[::-1]) - border
    return np.concatenate([rng.uniform(low, high, (count, 17, 2)), np.full((count, 17, 1), 2)], -1)


def encoded(keypoints, size_hw, codec=CODEC):
    """Noiseless maps of one person in each image."""
    cells = tuple(-(-side // codec.stride) for side in size_hw)
    maps = [codec.encode(one[None], [codec.radius], cells) for one in keypoints]
    return {name: np.stack([own[name] for own in maps]) for name in maps[0]}


def bilinear(distance):
    return max(0.0, 1.0 - abs(distance))


@functools.cache
def votes_by_loop(stride, radius):
    maps = random_maps()
    images, height, width, keypoints = maps["heatmaps"].shape
    found = np.zeros((images, keypoints, height, width))
    for image, i, j, k in np.ndindex(images, height, width, keypoints):
        x = j + maps["offsets"][image, i, j, k] / stride
        y = i + maps["offsets"][image, i, j, keypoints + k] / stride
        share = maps["heatmaps"][image, i, j, k] / (np.pi * (radius / stride) ** 2)
        for row, column in np.ndindex(height, width):
            found[image, k, row, column] += share * bilinear(x - column) * bilinear(y - row)
    return found


@pytest.mark.parametrize("scatter", [True, False])
def test_votes_are_those_of_the_formula(scatter):
    codec = DiskOffsets(8, 25.0, scatter=scatter)
    votes = ops.convert_to_numpy(compiled(codec.votes)(tensors(random_maps())))
    np.testing.assert_allclose(votes, votes_by_loop(8, 25.0), atol=1e-5)


@pytest.mark.parametrize("scatter", [True, False])
def test_the_place_and_its_score_are_those_of_a_loop(scatter):
    maps = random_maps()
    codec = DiskOffsets(8, 25.0, scatter=scatter)
    places, scores = single(codec, maps)
    height, width = CELLS
    votes = votes_by_loop(8, 25.0)
    for image, k in np.ndindex(2, 3):
        row, column = np.unravel_index(votes[image, k].argmax(), CELLS)
        h = maps["heatmaps"][image, ..., k].ravel()
        across, down = maps["offsets"][image, ..., k::3].reshape(-1, 2).T / 8
        i, j = np.divmod(np.arange(height * width), width)
        x, y = j + across, i + down

        def shares(column, row, h=h, x=x, y=y):
            return h * [bilinear(a - column) * bilinear(b - row) for a, b in zip(x, y, strict=True)]

        weights = shares(column, row)
        place = np.array([weights @ x, weights @ y]) / weights.sum()
        score = shares(*place).sum()
        np.testing.assert_allclose(places[image, k], (place + 0.5) * 8, atol=1e-3)
        assert scores[image, k] == pytest.approx(min(score * 64 / (np.pi * 625), 1), abs=1e-5)


def test_encode_against_a_loop():
    keypoints = np.array([[[30.3, 42.7, 2], [60, 4, 1]], [[44, 40, 2], [10, 10, 0]]])
    maps = CODEC.encode(keypoints, [25.0, 16.0], CELLS)
    assert maps["heatmaps"].shape == (*CELLS, 2) and maps["offsets"].shape == (*CELLS, 4)
    for row, column, k in np.ndindex(*CELLS, 2):
        centre = np.array([8 * column + 4, 8 * row + 4])
        ways = [
            person[k, :2] - centre
            for person, radius in zip(keypoints, (25.0, 16.0), strict=True)
            if person[k, 2] > 0 and np.hypot(*(person[k, :2] - centre)) <= radius
        ]
        way = min(ways, key=lambda one: np.hypot(*one), default=np.zeros(2))
        assert maps["heatmaps"][row, column, k] == bool(ways)
        np.testing.assert_allclose(maps["offsets"][row, column, k::2], way, atol=1e-4)


@pytest.mark.parametrize(
    "codec, size",
    [(CODEC, (352, 256)), (DiskOffsets(8, 25.0, 3.5), (353, 257)), (DiskOffsets(4), (96, 64))],
)
def test_voting_is_exact_where_the_highest_cell_is_pixels_off(codec, size):
    keypoints = persons(20, size)
    maps = encoded(keypoints, size, codec)
    places, scores = single(codec, maps)
    assert np.abs(places - keypoints[..., :2]).max() <= 0.15 and scores.min() > 0.85
    if codec.stride == 8:
        votes = ops.convert_to_numpy(compiled(codec.votes)(tensors(maps)))
        cells = votes.reshape(20, 17, -1).argmax(-1)
        width = votes.shape[-1]
        highest = np.stack([cells % width, cells // width], -1) * 8 + 4 - codec.shift
        assert np.linalg.norm(highest - keypoints[..., :2], axis=-1).mean() > 2


def test_several_people_highest_first():
    apart = np.array([[[40.3, 41.9, 2]], [[130.6, 110.1, 2]], [[200.2, 33.3, 2]]])
    maps = CODEC.encode(apart, [25.0] * 3, (20, 30))
    maps["heatmaps"][:, :11] *= 0.5
    maps = tensors({name: one[None] for name, one in maps.items()})
    points, scores = compiled(lambda maps: CODEC.decode(maps, 4))(maps)
    points, scores = ops.convert_to_numpy(points)[0, 0], ops.convert_to_numpy(scores)[0, 0]
    assert (np.diff(scores) <= 0).all() and (scores > 0.1).tolist() == [True] * 3 + [False]
    for place in apart[:, 0, :2]:
        assert np.linalg.norm(points[:3] - place, axis=1).min() < 0.15
    np.testing.assert_allclose(points[2], apart[0, 0, :2], atol=0.15)


def test_maps_without_votes():
    maps = {"heatmaps": np.zeros((1, 4, 5, 2), "float32")}
    maps["offsets"] = np.full((1, 4, 5, 4), 3.0, "float32")
    places, scores = single(CODEC, maps)
    assert scores.max() == 0 and np.isfinite(places).all()
    points, scores = compiled(lambda maps: CODEC.decode(maps, 3))(tensors(maps))
    points, scores = map(ops.convert_to_numpy, (points, scores))
    assert scores.max() == 0 and np.isfinite(points).all()


def test_a_codec_is_its_numbers():
    codec = DiskOffsets(4, 12.5, 1.5, False)
    assert codec == DiskOffsets(4, 12.5, 1.5, False) != DiskOffsets(4, 12.5)
    config = keras.saving.serialize_keras_object(codec)
    assert keras.saving.deserialize_keras_object(config) == codec


@pytest.mark.slow
@pytest.mark.one_backend
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
@pytest.mark.parametrize("format", ["onnx", "openvino", "litert"])
def test_exported(format, tmp_path):
    pytest.importorskip(exported.PACKAGES[format][0])
    size = (96, 72)
    maps = encoded(persons(3, size), size)
    noise = random_maps(1, 3, 17, (12, 9), 1.5)
    maps["offsets"] += noise["offsets"]
    stacked = np.concatenate(list(maps.values()), -1)
    images = keras.Input((*CELLS, 51))
    parts = {"heatmaps": images[..., :17], "offsets": images[..., 17:]}
    decoder = KeypointDecoder(DiskOffsets(8, 25.0, scatter=False))
    model = keras.Model(images, decoder(parts))
    path = Path(tmp_path) / f"votes{exported.FORMATS[format]}"
    signature = [keras.InputSpec(shape=(None, *CELLS, 51), dtype="float32", name="images")]
    model.export(str(path), format=format, verbose=False, input_signature=signature)
    theirs = exported.open_function(path, format)(stacked)
    ours, scores = single(CODEC, maps)
    np.testing.assert_allclose(theirs["keypoints"], ours, atol=0.05)
    np.testing.assert_allclose(theirs["keypoint_scores"], scores, atol=1e-4)
