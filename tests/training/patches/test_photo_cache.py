"""The cache of decoded photos."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from multiposenet.training.datasets import synthetic
from multiposenet.training.patches import photo_cache


def test_photos_are_decoded_once():
    (sample,) = synthetic.samples(1, size=(64, 64), people=(0, 1))
    assert photo_cache.image(sample) is photo_cache.image(sample)
    np.testing.assert_array_equal(photo_cache.image(sample), sample.read_image())
    np.testing.assert_array_equal(photo_cache.mask(sample), sample.read_mask())


def test_the_least_recently_used_go_first():
    made = []

    def read(sample):
        made.append(sample)
        return np.zeros(100, np.uint8)

    kept = photo_cache.Cache(read, 250)
    for sample in ("a", "b", "a", "c", "a", "b"):
        assert len(kept(sample)) == 100 and kept.bytes <= 250
    assert made == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_cache_is_not_kept():
    kept = photo_cache.Cache(lambda sample: np.zeros(100, np.uint8), 50)
    assert len(kept("a")) == 100 and kept.bytes == 0


def test_nothing_is_a_result_too():
    made = []
    kept = photo_cache.Cache(made.append, 50)
    assert kept("a") is None and kept("a") is None and made == ["a"]


def test_threads_share_it():
    kept = photo_cache.Cache(lambda sample: np.full(100, sample, np.uint8), 450)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(kept, [index % 7 for index in range(400)]))
    assert all((result == index % 7).all() for index, result in enumerate(results))
    assert kept.bytes == 400
