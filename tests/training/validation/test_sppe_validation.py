"""Measured persons return to the photo from any box; PCK in torsos."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers
from one_person import BOX, POINTS
from painted import sample

from multiposenet.errors import AnnotationError
from multiposenet.skeleton import Skeleton
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.validation import sppe as validation

BODY = Skeleton(
    "body", ("head", "left_shoulder", "right_hip", "right_shoulder", "left_hip"), (), (0.1,) * 5
)


@pytest.fixture
def body(tmp_path):
    """The photo with its blobs as head, left shoulder and right hip."""
    photo = sample(tmp_path, POINTS, [BOX])
    return dataclasses.replace(
        photo,
        keypoints=np.pad(photo.keypoints, ((0, 0), (0, 2), (0, 0))),
        labelled=np.pad(photo.labelled, ((0, 0), (0, 2))),
    )


def colours(order):
    """An inference network whose maps are the colours of the picture, and two that are empty."""
    images = keras.Input((64, 48, 3))
    x = layers.AveragePooling2D(4)(layers.Rescaling(1 / 255)(images))
    maps = [x[..., channel : channel + 1] for channel in order]
    empty = 0.0 * x[..., :2]
    return keras.Model(images, {"heatmaps": layers.Concatenate()([*maps, empty])})


def test_places_return_to_the_photo_from_any_box(body):
    persons = validation.measured([body], BODY)
    estimate = validation.estimator(colours([0, 1, 2]), BODY)
    for proposals in (None, BoxNoise(BODY.keypoints, 0.1)):
        boxes = validation.boxes_of(persons, proposals, seed=1)
        points = estimate(persons, boxes)
        np.testing.assert_allclose(points[0, :3], POINTS, atol=1.0)
    again = validation.boxes_of(persons, proposals, seed=1)
    np.testing.assert_array_equal(boxes, again)
    assert (boxes != validation.boxes_of(persons, proposals, seed=2)).any()


def test_an_exact_stn_shows_the_true_box_as_far_as_the_proposal_reaches(body):
    persons = validation.measured([body], BODY)
    network = colours([0, 1, 2])
    size = network.input_shape[1:3]
    (true,) = validation.boxes_of(persons)
    (x1, y1), (x2, y2) = true[:2], true[2:]
    wide = np.float32([[x1 - 9, y1 - 5, x2 + 4, y2 + 12]])
    points = validation.behind_exact_stn(network, persons, wide, size, 0.2)
    np.testing.assert_allclose(points[0, :3], POINTS, atol=1.5)
    head, *others = POINTS  # the head lies above the lower half, whose proposal lacks it
    lower = np.float32([[x1, (max(y for _, y in others) + y2) / 2, x2, y2]])
    points = validation.behind_exact_stn(network, persons, lower, size, 0.2)
    assert np.abs(points[0, 0] - head).max() > 5
    double = tuple(2 * side for side in size)  # such a proposal shows it
    points = validation.behind_exact_stn(network, persons, lower, double, 1.4)
    np.testing.assert_allclose(points[0, :3], POINTS, atol=1.5)


@pytest.mark.parametrize("order, expected", [([0, 1, 2], 1.0), ([0, 2, 1], 1 / 3)])
def test_validation_counts_keypoints_in_torsos(body, order, expected):
    """Swapped, two of three keypoints are a torso away."""
    noise = BoxNoise(BODY.keypoints, 0.05)
    validate = validation.PoseValidation(colours(order), [body], BODY, noise)
    assert validate() == pytest.approx({"pck/proposals": expected, "pck/true": expected})


def test_validation_needs_torsos(body):
    headless = Skeleton("heads", ("a", "b", "c", "d", "e"), (), (0.1,) * 5)
    with pytest.raises(AnnotationError, match="validation: keypoints: nobody has left_shoulder"):
        validation.measured([body], headless)
