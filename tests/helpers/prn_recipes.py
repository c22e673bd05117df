"""Recipes, labels and batches of the PRN stage."""

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


def present(x):
    return x["scores"] > 0
