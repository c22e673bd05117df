"""How exact labels are: OKS sigmas from persons that were labelled more than once.

COCO measured its sigmas so: sigma_i^2 = E[d_i^2 / s^2], d_i the distance of a label of keypoint i
from its true place and s^2 the person's area (https://cocodataset.org/#keypoints-eval, 1.3).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from multiposenet.annotations import ImageRecord

# Mean distance of two labels of one person, as a share of sqrt(area). COCO's hips have 0.15.
SAME_PERSON = 0.2
LEAST_PAIRS = 20  # twice-labelled keypoints for a sigma within some 11 %

Pair = tuple[np.ndarray, np.ndarray, float]
"""(K, 3) keypoints (x, y, v) of a person by two labellers, and the person's area."""


def repeated(photos: Iterable[tuple[ImageRecord, ImageRecord]]) -> Iterator[Pair]:
    """Finds the persons of photos that were labelled twice.

    Two annotations are of one person if their keypoints are near each other, not all the same (a
    copy is no second label), and of all such pairs the nearest ones.

    Args:
        photos: a photo's record by two labellers; or twice the same record, in which a person may
            be annotated again.
    """
    for first, second in photos:
        distances = _distances(first, second)
        if first is second:
            distances[np.tril_indices(len(first))] = np.inf
        while distances.size and distances.min() < SAME_PERSON:
            row, column = np.unravel_index(np.argmin(distances), distances.shape)
            area = float(first.areas[row] + second.areas[column]) / 2
            yield first.keypoints[row], second.keypoints[column], area
            distances[row], distances[:, column] = np.inf, np.inf
            if first is second:
                distances[column], distances[:, row] = np.inf, np.inf


def sigmas(pairs: Iterable[Pair], mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates the sigma of each keypoint.

    Of two labels each lies half their distance from their mean: the square of the distance from
    the true place is half the square of theirs, in the mean. A keypoint and its mirror image have
    one sigma.

    Args:
        pairs: of `repeated`.
        mirror: (K,) index of each keypoint's mirror image.

    Returns:
        (K,) float64 sigmas, NaN where fewer than `LEAST_PAIRS` pairs tell, and (K,) int64 how many
        pairs do.
    """
    count = len(mirror)
    total, number = np.zeros(count), np.zeros(count, np.int64)
    for first, second, area in pairs:
        both = (first[:, 2] > 0) & (second[:, 2] > 0)
        squares = ((first[:, :2] - second[:, :2]).astype(np.float64) ** 2).sum(axis=1)
        total += np.where(both, squares / 2 / max(area, 1.0), 0)
        number += both
    paired = np.asarray(mirror) != np.arange(count)
    total = np.where(paired, total + total[mirror], total)
    number = np.where(paired, number + number[mirror], number)
    found = np.sqrt(total / np.maximum(number, 1))
    return np.where((number >= LEAST_PAIRS) & (found > 0), found, np.nan), number


def _distances(first: ImageRecord, second: ImageRecord) -> np.ndarray:
    """(n, m) mean distances as shares of sqrt(area); infinite where persons cannot be compared."""
    one, other = first.keypoints[:, None], second.keypoints[None]
    both = (one[..., 2] > 0) & (other[..., 2] > 0)
    offsets = np.linalg.norm(one[..., :2] - other[..., :2], axis=-1) * both
    scale = np.sqrt(np.maximum((first.areas[:, None] + second.areas[None]) / 2, 1.0))
    shared = both.sum(axis=-1)
    fewer = np.minimum((one[..., 2] > 0).sum(axis=-1), (other[..., 2] > 0).sum(axis=-1))
    comparable = (shared >= 2) & (2 * shared >= fewer) & (offsets.sum(axis=-1) > 0)
    comparable &= ~first.crowd[:, None] & ~second.crowd[None]
    mean = offsets.sum(axis=-1) / np.maximum(shared, 1) / scale
    return np.where(comparable, mean, np.inf)
