"""DeepPose: coordinates relative to the box, by hand and back; the head's parameters."""

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.networks.direct_regression import direct_regression, from_box, to_box


def test_points_by_hand():
    boxes = np.array([[10, 20, 30, 60]], "float32")
    points = np.array([[[20, 40], [10, 20], [30, 60], [35, 50]]], "float32")
    expected = [[[0, 0], [-0.5, -0.5], [0.5, 0.5], [0.75, 0.25]]]
    np.testing.assert_allclose(to_box(points, boxes), expected)
    back = from_box(ops.convert_to_tensor(to_box(points, boxes)), ops.convert_to_tensor(boxes))
    np.testing.assert_allclose(ops.convert_to_numpy(back), points, rtol=1e-6)


def test_network():
    model = direct_regression(14, image_size=(64, 96), channels=8, nodes=(16, 12))
    points = ops.convert_to_numpy(compiled(model)(np.zeros((2, 64, 96, 3), "float32")))
    assert points.shape == (2, 14, 2) and np.isfinite(points).all()
    head = sum(layer.count_params() for layer in model.layers if layer.name != "nano")
    cells = 2 * 3 * 8
    expected = (224 * 8 + 8) + (cells * 16 + 16) + (16 * 12 + 12) + (12 * 28 + 28)
    assert head == expected


def test_unknown_backbone():
    with pytest.raises(ValueError, match="unknown name 'alexnet'"):
        direct_regression(14, backbone="alexnet")
