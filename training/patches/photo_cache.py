"""Decoded photos and masks kept in memory, so that epochs after the first decode nothing.

As many as fit into a quarter of the machine's memory, and at most 8 GB; those not used for longest
go first. What is kept has no influence on what is read. Processes share them through ``pack``.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


class Packed:
    """Results of a function of samples in one file, which any number of processes map.

    Args:
        function: from sample to uint8 array or None.
        samples: all that will be asked for.
        path: the file.
    """

    def __init__(self, function: Callable[[Sample], np.ndarray | None], samples, path: Path):
        self.path = path
        self._places, self._bytes, end = {}, None, 0
        with ThreadPoolExecutor() as pool, open(path, "wb") as file:
            for sample, array in zip(samples, pool.map(function, samples), strict=True):
                shape = None if array is None else array.shape
                self._places[_key(sample)] = (end, shape)
                if array is not None:
                    end += file.write(np.ascontiguousarray(array))

    def __call__(self, sample: Sample) -> np.ndarray | None:
        """The result for a sample; not to be written to."""
        start, shape = self._places[_key(sample)]
        if shape is None:
            return None
        if self._bytes is None:
            self._bytes = np.asarray(np.memmap(self.path, np.uint8, "r"))
        return self._bytes[start : start + int(np.prod(shape))].reshape(shape)


def _key(sample):
    return sample.path, sample.mask_path


def pack(samples, folder: Path) -> tuple[Packed, Packed]:
    """Decodes photos and masks into files for other processes, which then call `use`.

    Raises:
        InputError: a photo or mask cannot be read.
    """
    unique = list({_key(sample): sample for sample in samples}.values())
    return (
        Packed(lambda sample: sample.read_image(), unique, folder / "photos"),
        Packed(lambda sample: sample.read_mask(), unique, folder / "masks"),
    )


def use(packed: tuple[Packed, Packed]) -> None:
    """From now on this process takes photos and masks from there."""
    global image, mask
    image, mask = packed
