"""From the maps of a network to keypoints, in one graph."""

import keras
import numpy as np
import pytest
from compiled import compiled
from dots import SIZE, dots_network
from keras import layers, ops

from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.systems.keypoint_model import keypoint_model


def test_linear_maps_score_at_most_1():
    images = keras.Input((*SIZE, 3))
    network = keras.Model(images, {"heatmaps": layers.AveragePooling2D(4)(images) / 80 - 0.5})
    found = compiled(keypoint_model(network))(
        np.stack([np.full((*SIZE, 3), v, "float32") for v in (0, 255)])
    )
    scores = ops.convert_to_numpy(found["keypoint_scores"])
    np.testing.assert_allclose(scores, [[0] * 3, [1] * 3])


@pytest.mark.parametrize("num_keypoints", [3, 5])
def test_the_graph_decodes_as_heatmaps_does(num_keypoints):
    """Also at the border, and with as many keypoints as a peak and its neighbours have cells."""
    images = keras.Input((32, 24, num_keypoints))
    network = keras.Model(images, {"heatmaps": layers.MaxPooling2D(4)(images)})
    rng = np.random.default_rng(0)
    values = rng.random((20, 8, 6, num_keypoints)).astype("float32")
    points, scores = map(
        ops.convert_to_numpy, GaussianHeatmaps().decode_single({"heatmaps": values})
    )
    found = compiled(keypoint_model(network))(values.repeat(4, axis=1).repeat(4, axis=2))
    np.testing.assert_allclose(ops.convert_to_numpy(found["keypoints"]), points, atol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(found["keypoint_scores"]), scores, atol=1e-6)
    peaks = values.reshape(20, -1, num_keypoints).argmax(axis=1)
    places = 4 * (np.stack([peaks % 6, peaks // 6], axis=-1) + 0.5)
    assert np.abs(places - points).max() <= 2
    border = (places == 2) | (places == (22, 30))  # there the centre of the cell is the place
    np.testing.assert_allclose(points[border], places[border], atol=1e-5)


def test_saving_the_keypoint_model(tmp_path):
    model = keypoint_model(dots_network())
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    crops = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype("float32")
    for name, value in model(crops).items():
        value = ops.convert_to_numpy(value)
        np.testing.assert_allclose(ops.convert_to_numpy(again(crops)[name]), value, atol=1e-4)
