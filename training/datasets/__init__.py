"""Datasets, each read into one list of `Sample`.

One module per dataset, each with `read(folder, skeleton) -> list[Sample]`.
"""

from multiposenet.training.datasets.sample import Sample

__all__ = ["Sample"]
