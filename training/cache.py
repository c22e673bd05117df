"""Decoded photos and masks kept in memory, so that epochs after the first decode nothing."""

import functools

import numpy as np

from multiposenet.training.datasets.sample import Sample

_LIMIT = 20_000


@functools.lru_cache(maxsize=_LIMIT)
def image(sample: Sample) -> np.ndarray:
    """``sample.read_image()``, decoded once."""
    return sample.read_image()


@functools.lru_cache(maxsize=_LIMIT)
def mask(sample: Sample) -> np.ndarray:
    """``sample.read_mask()``, decoded once."""
    return sample.read_mask()
