"""Persons whose sides were mixed up are told from the order of their keypoints."""

import numpy as np
import pytest

from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.training.datasets import mirrored, synthetic


def suspects(scenes, change):
    """(view, visible from the front with both eyes, reason) of all persons, after a change."""
    for scene in scenes:
        for points, view in zip(scene.keypoints, scene.views, strict=True):
            yield view, mirrored.suspect(change(points.copy()), COCO_17.keypoints)


@pytest.fixture(scope="module")
def crowd():
    return list(synthetic.scenes(30, seed=5, size=(256, 256), people=(3, 4)))


def test_sides_that_are_right_are_not_suspected(crowd):
    assert {reason for _, reason in suspects(crowd, lambda points: points)} == {""}


def test_mirrored_faces_are_found(crowd):
    """Photos flipped without the names of their keypoints. From behind nothing tells."""
    answers = list(suspects(crowd, lambda points: points[COCO_17.flip_indices]))
    front = [bool(reason) for view, reason in answers if view == "front"]
    assert np.mean(front) > 0.8
    assert not any(reason for view, reason in answers if view == "back")


def test_swapped_shoulders_are_found(crowd):
    left, right = COCO_17.index("left_shoulder"), COCO_17.index("right_shoulder")

    def swap(points):
        points[[left, right]] = points[[right, left]]
        return points

    answers = [r for view, r in suspects(crowd, swap) if view in ("front", "back")]
    assert np.mean([bool(reason) for reason in answers]) > 0.8
    assert mirrored.suspect(np.zeros((14, 3)), LSP_14.keypoints) == ""
