"""The bundled assigner: loaded by name, and what it reaches on real labels."""

import numpy as np
import pytest

import multiposenet
from multiposenet import zoo
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import WeightsError
from multiposenet.systems import assigners
from multiposenet.training.grouping.assignment import AssignmentScores


@pytest.fixture(scope="module")
def assigner():
    return multiposenet.load_assigner()


def test_two_persons_that_overlap(assigner):
    """Each gets its own keypoints, although each box holds all of both."""
    upright = np.linspace([0.5, 0.05], [0.5, 0.95], 17)
    upright[1::2, 0] += 0.15  # left keypoints lie at the right of somebody seen from the front
    upright[2::2, 0] -= 0.15
    boxes = np.array([[100, 100, 200, 400], [150, 110, 250, 410]], np.float32)
    people = boxes[:, None, :2] + upright * (boxes[:, None, 2:] - boxes[:, None, :2])
    keypoints = [people[::-1, keypoint] for keypoint in range(17)]
    grouped = assigner.group(boxes, keypoints, exclusive="optimal")
    right = np.abs(grouped.keypoints - people).max(axis=-1) < 1
    assert right.mean() > 0.8


def test_real_labels(assigner, data_dir):
    """The first 150 photos of val2017; the perfect assigner has 0.97 of them."""
    path = data_dir / "coco_labels/person_keypoints_val2017.json"
    annotations = CocoAnnotations.load(path).select(slice(150))
    assert AssignmentScores(assigner, annotations).evaluate("optimal")["keypoints/AP"] > 0.93


def test_unknown_name():
    with pytest.raises(WeightsError, match="joint: model: unknown name"):
        assigners.load("joint")


def test_weights_of_another_network(monkeypatch, tmp_path):
    path = tmp_path / "other.weights.h5"
    path.write_bytes(b"no weights")
    monkeypatch.setattr(zoo, "resolve", lambda name, kind: path)
    with pytest.raises(WeightsError, match=r"other\.weights\.h5: weights: do not fit"):
        assigners.load()
