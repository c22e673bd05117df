"""Decoded photos and masks kept in memory, so that epochs after the first decode nothing.

As many as fit into a quarter of the machine's memory, and at most 8 GB; those not used for longest
go first. What is kept has no influence on what is read.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from multiposenet.training.datasets.sample import Sample

_SHARE, _MOST = 0.25, 8 * 2**30


class Cache:
    """The results of a function of samples, up to a number of bytes; for any number of threads.

    Args:
        function: from sample to array or None.
        limit: bytes of the arrays that are kept.
    """

    def __init__(self, function: Callable[[Sample], np.ndarray | None], limit: int):
        self.function, self.limit = function, limit
        self.bytes = 0
        self._kept: OrderedDict[Sample, np.ndarray | None] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, sample: Sample) -> np.ndarray | None:
        """The result for a sample; not to be written to, since others get it too."""
        with self._lock:
            if sample in self._kept:
                self._kept.move_to_end(sample)
                return self._kept[sample]
        result = self.function(sample)  # two threads may both compute it, which does no harm
        with self._lock:
            if sample not in self._kept:
                self._kept[sample] = result
                self.bytes += _size(result)
            while self.bytes > self.limit:
                self.bytes -= _size(self._kept.popitem(last=False)[1])
        return result


def _size(array):
    return 0 if array is None else array.nbytes


def _limit() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        memory = 8 * 2**30
    return min(int(_SHARE * memory), _MOST)


# A mask has a third of the bytes of its photo.
image = Cache(lambda sample: sample.read_image(), int(0.75 * _limit()))
mask = Cache(lambda sample: sample.read_mask(), int(0.25 * _limit()))
