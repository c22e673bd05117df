"""Where keypoints are expected in crops, against the labels that were counted."""

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.maths import cropping
from multiposenet.training.release import expected_places as places

MARGIN = 0.25


@pytest.fixture
def annotations(scenes):
    return CocoAnnotations.load(scenes / "annotations.json")


def test_places_are_those_of_the_labels_and_their_mirror_images(annotations):
    found = places.expected_places(annotations, (64, 32), (16, 8), MARGIN)
    assert found.shape == (16, 8, 17)
    assert found.min() >= np.log(places.FAINTEST) - 1e-5
    np.testing.assert_allclose(found.max(axis=(0, 1)), np.log(1.01), atol=1e-4)
    mirrored = found[:, ::-1][..., annotations.skeleton.flip_indices]
    np.testing.assert_allclose(found, mirrored, atol=1e-4)
    # The mean place of a keypoint, cell by cell, is that of the labels.
    persons = annotations.persons
    counted = persons.num_keypoints >= places.LEAST_KEYPOINTS
    boxes = persons.xywh.copy()
    boxes[:, 2:] += boxes[:, :2]
    regions = cropping.regions(boxes, (64, 32), MARGIN)
    seen = (persons.keypoints[:, 0, 2] > 0) & counted
    share = (persons.keypoints[:, 0, 1] - regions[:, 1]) / (regions[:, 3] - regions[:, 1])
    weights = (np.exp(found[..., 0]) - places.FAINTEST).sum(axis=1)
    mean = (weights * (np.arange(16) + 0.5)).sum() / weights.sum()
    assert mean == pytest.approx(16 * share[seen].mean(), abs=0.6)
