"""Boxes around groups and shared keypoints, counted on scenes worked out by hand."""

import group_boxes
import numpy as np

ROW = np.array([[x, 10, x + 10, 30] for x in (10, 30, 50)], float)  # areas 200


def test_a_box_around_three_people():
    boxes = np.concatenate([ROW, [[5, 5, 65, 35]]])  # 1800
    assert group_boxes.group_boxes(boxes).tolist() == [False, False, False, True]


def test_few_people_or_hardly_larger():
    assert not group_boxes.group_boxes(np.concatenate([ROW[:2], [[5, 5, 65, 35]]])).any()
    assert not group_boxes.group_boxes(np.concatenate([ROW, [[10, 18, 60, 31]]])).any()  # 650
    assert not group_boxes.group_boxes(np.zeros((0, 4))).any()


def test_keypoints_of_two_people():
    keypoints = np.array([[[1, 2], [3, 4]], [[1, 2], [5, 6]], [[1, 2], [3, 4]]], float)
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.0]])
    assert group_boxes.shared_keypoints(keypoints, scores) == 2
