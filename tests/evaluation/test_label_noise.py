"""Sigmas from repeated labels: what was put in comes out."""

import numpy as np
import pytest

from multiposenet.evaluation import label_noise
from multiposenet.skeleton import COCO_17

RNG = np.random.default_rng(0)


class Record:
    """What of an ``ImageRecord`` is looked at."""

    def __init__(self, keypoints, areas, crowd=None):
        self.keypoints = np.float32(keypoints)
        self.areas = np.float32(areas)
        self.crowd = np.zeros(len(areas), bool) if crowd is None else crowd

    def __len__(self):
        return len(self.areas)


def labels(true, areas, sigmas):
    """Labels whose distance d from the truth has E[d^2] = sigma^2 area, as COCO defines it."""
    spread = np.asarray(sigmas)[:, None] * np.sqrt(areas)[:, None, None] / np.sqrt(2)
    noisy = true + RNG.normal(size=true.shape) * spread
    return np.concatenate([noisy, np.full((*true.shape[:2], 1), 2.0)], axis=-1)


def people(count, keypoints=17):
    """Persons 300 pixels apart."""
    areas = RNG.uniform(2000, 20000, count)
    true = RNG.uniform(0, 150, (count, keypoints, 2)) + 300 * np.arange(count)[:, None, None]
    return true, areas


def test_sigmas_that_were_put_in_come_out():
    true, areas = people(400)
    first, second = (Record(labels(true, areas, COCO_17.sigmas), areas) for _ in range(2))
    pairs = list(label_noise.repeated([(first, second)]))
    assert len(pairs) == 400
    found, number = label_noise.sigmas(pairs, COCO_17.flip_indices)
    assert number[0] == 400 and set(number[1:]) == {800}
    np.testing.assert_allclose(found, COCO_17.sigmas, rtol=0.12)
    np.testing.assert_array_equal(found[COCO_17.flip_indices], found)


def test_persons_labelled_again_in_one_file():
    true, areas = people(30, 3)
    both = np.concatenate([labels(true, areas, [0.05] * 3) for _ in range(2)])
    record = Record(both, np.tile(areas, 2))
    pairs = list(label_noise.repeated([(record, record)]))
    assert len(pairs) == 30
    found, number = label_noise.sigmas(pairs, np.arange(3))
    np.testing.assert_allclose(found, 0.05, rtol=0.4)
    assert (number == 30).all()


def test_what_is_no_second_label():
    true, areas = people(4, 3)
    once = labels(true, areas, [0.05] * 3)
    copy = Record(np.concatenate([once, once]), np.tile(areas, 2))
    assert list(label_noise.repeated([(copy, copy)])) == []
    crowd = Record(once, areas, np.ones(4, bool))
    again = Record(labels(true, areas, [0.05] * 3), areas)
    assert list(label_noise.repeated([(crowd, again)])) == []
    hidden = once.copy()
    hidden[:, 1:, 2] = 0  # one keypoint in common
    assert list(label_noise.repeated([(Record(hidden, areas), again)])) == []
    assert list(label_noise.repeated([(Record(once[:0], areas[:0]), again)])) == []


@pytest.mark.parametrize("count", [0, label_noise.LEAST_PAIRS - 1])
def test_too_few_tell_nothing(count):
    true, areas = people(count, 2)
    first, second = (Record(labels(true, areas, [0.05] * 2), areas) for _ in range(2))
    found, _ = label_noise.sigmas(label_noise.repeated([(first, second)]), np.arange(2))
    assert np.isnan(found).all()
