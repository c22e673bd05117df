"""The One-Euro filter beside the formulas of its paper, number by number."""

import math
from dataclasses import replace

import numpy as np
import pytest

from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17
from multiposenet.video.smoothing import Smoother


def poses(keypoints, side=100.0, scores=None):
    count = len(keypoints)
    return Poses(
        np.tile([0, 0, side, side], (count, 1)),
        np.ones(count),
        keypoints,
        np.ones((count, 17)) if scores is None else scores,
        np.ones(count),
        COCO_17,
        (200, 200),
        ids=np.arange(count) + 5,
    )


def one_euro(values, times, cutoff, beta, speed_cutoff):
    """Algorithm 1 of the paper, of one number, with the speed as the text defines it."""

    def alpha(frequency, step):
        tau = 1 / (2 * math.pi * frequency)
        return 1 / (1 + tau / step)

    filtered, speed, found = values[0], 0.0, [values[0]]
    for k in range(1, len(values)):
        step = times[k] - times[k - 1]
        a = alpha(speed_cutoff, step)
        speed = a * (values[k] - filtered) / step + (1 - a) * speed
        a = alpha(cutoff + beta * abs(speed), step)
        filtered = a * values[k] + (1 - a) * filtered
        found.append(filtered)
    return found


def test_it_is_the_filter_of_the_paper():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.1, 30))
    values = np.cumsum(rng.normal(size=30)) + 50
    smoother, found = Smoother(1.2, 3.0, 0.9), []
    for value, time in zip(values, times, strict=True):
        keypoints = np.full((1, 17, 2), 20.0)
        keypoints[..., 0] = value  # along x alone, so that the speed is that of one number
        found.append(float(smoother.update(poses(keypoints), time).keypoints[0, 4, 0]))
    expected = one_euro(values / 100, times, 1.2, 3.0, 0.9)  # in units of the person
    np.testing.assert_allclose(found, np.multiply(expected, 100), atol=1e-3)


def test_jitter_goes_and_quick_moves_stay():
    rng, smoother = np.random.default_rng(0), Smoother()
    still, quick = [], []
    for number in range(100):
        keypoints = np.full((2, 17, 2), 50.0)
        keypoints[0] += rng.normal(size=(17, 2))
        keypoints[1, :, 0] = 5.0 * number  # 1.25 persons a second
        found = smoother.update(poses(keypoints), number / 25).keypoints
        still.append(found[0])
        quick.append(5.0 * number - found[1, 0, 0])
    assert np.std(still[20:], axis=0).mean() < 0.6
    assert 0 <= np.mean(quick[20:]) < 5 * 2  # less than two frames behind


def test_people_of_any_size_are_smoothed_alike():
    rng = np.random.default_rng(0)
    small, large = Smoother(), Smoother()
    for number in range(10):
        keypoints = rng.uniform(40, 60, (1, 17, 2))
        one = small.update(poses(keypoints), number / 25).keypoints
        two = large.update(poses(3 * keypoints, side=300.0), number / 25).keypoints
        np.testing.assert_allclose(two, 3 * one, rtol=1e-4)


def test_what_is_not_found_is_left_and_starts_anew():
    smoother, scores = Smoother(), np.ones((1, 17))
    smoother.update(poses(np.full((1, 17, 2), 10.0)), 0.0)
    scores[0, 3] = 0
    found = smoother.update(poses(np.full((1, 17, 2), 90.0), scores=scores), 0.04).keypoints[0]
    assert found[3].tolist() == [90, 90] and (found[4] < 90).all()
    found = smoother.update(poses(np.full((1, 17, 2), 30.0)), 0.08).keypoints[0]
    assert found[3].tolist() == [30, 30] and (found[4] != 30).all()
    with pytest.raises(ValueError, match="poses: have no ids; track them first"):
        smoother.update(replace(poses(np.zeros((1, 17, 2))), ids=None), 1.0)
    with pytest.raises(ValueError, match="cutoff, quickness, speed_cutoff"):
        Smoother(cutoff=0)
