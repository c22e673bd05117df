"""From easy to hard: the PRN's curriculum (MultiPoseNet, section 3.5, after Bengio et al. 2009).

The paper sorts the persons by their number of keypoints and the area of their box. (The authors'
code sorts and then shuffles.) A curriculum has two parts: an order of difficulty, and a pace at
which the training may see the harder ones.
"""

import numpy as np

START = 0.2  # share of the photos, the easiest, that training begins with


def ease(counts, areas):
    """``(n,)``: how easy persons are, 1 the easiest and 0 the hardest.

    The mean of two ranks: many keypoints are easy, a large area is.

    Args:
        counts: ``(n,)`` labelled keypoints.
        areas: ``(n,)`` in square pixels.
    """
    return (_rank(counts) + _rank(areas)) / 2


def _rank(values):
    """Rank from 0 to 1; equal values have the same."""
    unique, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(count) - count
    return (before + (count - 1) / 2)[inverse] / max(len(values) - 1, 1)


def ease_of_photos(people):
    """``(photos,)``: the mean ease of the taught persons of every photo; 0 without any."""
    taught = np.flatnonzero(people.taught)
    values = np.zeros(len(people))
    values[taught] = ease(people.count[taught], people.areas[taught])
    photos = len(people.box_start) - 1
    total = np.bincount(people.photo, values, minlength=photos)
    return total / np.maximum(np.bincount(people.photo[taught], minlength=photos), 1)


def pace(done):
    """Share of the photos, the easiest, seen when a share ``done`` of the curriculum is over."""
    return min(1.0, START + (1.0 - START) * done)


def easiest(order, ease, share, rng):
    """As many photos as in ``order``, only easy ones of them, each about as often as the others.

    Args:
        order: ``(n,)`` photos in random order.
        ease: ease of each photo, by its row.
        share: of the photos that may be seen.
        rng: generator.

    Returns:
        ``(n,)`` photos in random order.
    """
    count = max(round(share * len(order)), 1)
    pool = order[np.argsort(-ease[order], kind="stable")[:count]]
    return rng.permutation(np.resize(rng.permutation(pool), len(order)))
