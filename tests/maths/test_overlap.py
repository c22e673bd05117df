"""Overlaps of boxes by NumPy, against a hand-worked example and Keras'."""

import numpy as np
from keras.utils.bounding_boxes import compute_iou

from multiposenet.maths import overlap

BOXES = np.array([[0, 0, 4, 2], [2, 0, 6, 2], [9, 9, 9, 9.0]])


def test_by_hand():
    np.testing.assert_array_equal(overlap.area(BOXES), [8, 8, 0])
    np.testing.assert_array_equal(overlap.intersection(BOXES, BOXES[:1]), [[8], [4], [0]])
    np.testing.assert_allclose(
        overlap.pairwise_iou(BOXES[:2], BOXES), [[1, 1 / 3, 0], [1 / 3, 1, 0]]
    )
    assert overlap.pairwise_iou(BOXES[2:], BOXES[2:]) == 0  # empty boxes are not alike
    assert overlap.pairwise_iou(BOXES[:0], BOXES).shape == (0, 3)


def test_as_keras_has_it():
    corners = np.random.default_rng(0).uniform(0, 50, (40, 2))
    boxes = np.hstack([corners, corners + np.random.default_rng(1).uniform(1, 40, (40, 2))])
    wanted = compute_iou(boxes, boxes[:7], "xyxy")
    np.testing.assert_allclose(overlap.pairwise_iou(boxes, boxes[:7]), wanted, atol=1e-6)
