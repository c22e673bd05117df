"""Recipes, labels and batches of the PRN stage."""

import numpy as np

from multiposenet.training import recipes
from multiposenet.training.grouping.prn_batches import entries

STILL = {
    "box_jitter": 0.0,
    "point_jitter": 0.0,
    "missing": 0.0,
    "spurious": 0.0,
    "min_score": 1.0,
    "uncontested_share": 1.0,
    "bilinear": True,
}


def recipe(**changes):
    return recipes.NanoPRN(**{"batch_size": 4, "warmup": 1} | changes)


class _Unmirrored:
    """A generator that mirrors no photo and leaves nothing out."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.uniform, self.normal = rng.uniform, rng.normal

    def random(self, size):
        return np.full(size, 0.9)


def unchanged(people, photos):
    """The batch of some photos as they are labelled."""
    return entries(people, np.asarray(photos), recipe(**STILL), np.arange(3), _Unmirrored())


def present(x):
    return x["scores"] > 0
