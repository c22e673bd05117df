"""Recipes, labels and batches of the PRN stage."""

import pytest
from prn_labels import crowd_of, write

from multiposenet.training import recipes

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


@pytest.fixture
def labels(tmp_path):
    return write(tmp_path / "a.json", crowd_of(12, 0) + crowd_of(5, 1, image=2))


def present(x):
    return x["scores"] > 0
