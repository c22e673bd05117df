"""COCO segmentations: polygons and run-length codes, checked before pycocotools draws them.

Its C code believes what it is given: a coordinate that is NaN or 2^31, or counts that do not fill
the picture, end the process or draw garbage. The forms are those of
https://cocodataset.org/#format-data; the compressed code is that of pycocotools' `maskApi.c`.
"""

import math

import numpy as np

from multiposenet.sources import DEFAULT_LIMITS

_NUMBERS = {int, float}
_FAR = 1e5  # pixels; farther from the photo a corner is a mistake
# Pixels that an outline may be long: pycocotools walks along it in fifths of a pixel.
_LONGEST = 1_000_000
_FEWEST = 6  # numbers of a polygon that encloses something


def problem(segmentation, height: int, width: int) -> str | None:
    """Says what is wrong with a segmentation; None if it can be drawn or stands for no mask.

    Args:
        segmentation: value of the field, of any type.
        height: of its photo, in pixels.
        width: likewise.

    Returns:
        The defect and its remedy, separated by "; ".
    """
    if segmentation is None:
        return None
    if isinstance(segmentation, dict):
        return _code_problem(segmentation, height, width)
    if not isinstance(segmentation, list):
        return f"{segmentation!r:.40} is no list of polygons; give [[x, y, x, y, ...]]"
    kinds = set(map(type, segmentation))
    if kinds and kinds <= _NUMBERS:
        return "a flat list of numbers; put each polygon into a list of its own"
    if not kinds <= {list}:
        return f"{segmentation!r:.40} is no list of polygons; give [[x, y, x, y, ...]]"
    if len(segmentation) > 2 and all(len(polygon) == 2 for polygon in segmentation):
        return "a list of [x, y] pairs; write a polygon as one list, [[x, y, x, y, ...]]"
    return next(filter(None, map(_polygon_problem, segmentation)), None)


def clean(segmentation) -> list | dict | None:
    """Returns a segmentation without the polygons that enclose nothing; None if nothing is left.

    Args:
        segmentation: one without a `problem`.
    """
    if not isinstance(segmentation, list):
        return segmentation
    if all(len(polygon) >= _FEWEST for polygon in segmentation):
        return segmentation or None
    return [polygon for polygon in segmentation if len(polygon) >= _FEWEST] or None


def draw(segmentation: list | dict, size: tuple[int, int]) -> np.ndarray:
    """Draws polygons, or a compressed or uncompressed run-length code.

    Args:
        segmentation: one without a `problem`, not None.
        size: (height, width) of the photo in pixels.

    Returns:
        (H, W) bool.

    Raises:
        InputError: the photo is larger than any that is read.
    """
    from pycocotools import mask

    DEFAULT_LIMITS.check(size[1], size[0], "segmentation", least=1)
    if isinstance(segmentation, list):
        segmentation = mask.merge(mask.frPyObjects(segmentation, *size))
    elif isinstance(segmentation["counts"], list):
        segmentation = mask.frPyObjects(segmentation, *size)
    return mask.decode(segmentation) > 0


def person_mask(persons, ignored, size, ignored_boxes=()) -> np.ndarray:
    """Draws what persons and groups cover.

    Args:
        persons: segmentations of single persons, without a `problem`, none of them None.
        ignored: likewise of groups.
        size: (height, width) of the photo in pixels.
        ignored_boxes: xyxy boxes in which nothing is known.

    Returns:
        (H, W) uint8: 0 background, 1 person, 2 ignored. What belongs to a person is known, also
        inside a group or a box.

    Raises:
        InputError: as `draw`.
    """
    DEFAULT_LIMITS.check(size[1], size[0], "segmentation", least=1)
    mask = np.zeros(size, np.uint8)
    for x1, y1, x2, y2 in np.asarray(ignored_boxes, np.float64).reshape(-1, 4):
        left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
        mask[top : max(int(np.ceil(y2)), 0), left : max(int(np.ceil(x2)), 0)] = 2
    for label, segmentations in ((2, ignored), (1, persons)):
        for segmentation in segmentations:
            mask[draw(segmentation, size)] = label
    return mask


def encode(mask: np.ndarray) -> dict:
    """The compressed run-length code of an (H, W) bool mask, as JSON has it."""
    from pycocotools import mask as codes

    code = codes.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": code["counts"].decode("ascii")}


def _polygon_problem(polygon: list) -> str | None:
    kinds = set(map(type, polygon))
    if list in kinds:
        return "a polygon of [x, y] pairs; write it as one list, [x, y, x, y, ...]"
    if not kinds <= _NUMBERS:
        return f"{polygon!r:.40} is not only numbers; give x, y, x, y, ..."
    if len(polygon) % 2:
        return f"a polygon of {len(polygon)} numbers; give an x and a y of each corner"
    if len(polygon) < _FEWEST:
        return None
    try:
        finite = math.isfinite(sum(polygon))
    except OverflowError:
        finite = False
    low, high = min(polygon), max(polygon)
    if not (finite and -_FAR <= low and high <= _FAR):
        far = f"{(high if high > _FAR else low)!r:.20}"
        return f"a corner at {far}; give pixels of the photo"
    # An outline that cannot be too long by its extent need not be measured.
    if len(polygon) / 2 * (high - low) > _LONGEST:
        corners = np.reshape(polygon, (-1, 2))
        edges = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1)
        if edges.sum() > _LONGEST:
            return f"an outline of {edges.sum():.3g} pixels; simplify it"
    return None


def _code_problem(code: dict, height: int, width: int) -> str | None:
    size, counts = code.get("size"), code.get("counts")
    if size != [height, width]:
        told = f"{size!r:.40}"
        return f"a run-length code of size {told}; its photo has [{height}, {width}]"
    if isinstance(counts, str):
        runs = _runs(counts)
        if runs is None:
            return "counts are no compressed run-length code; export it anew"
    elif isinstance(counts, list) and set(map(type, counts)) <= {int}:
        runs = counts
    else:
        return f"counts are {counts!r:.40}; give a list of integers or compressed text"
    total, least = sum(runs), min(runs, default=0)
    if least < 0 or total != height * width:
        return (
            f"counts add up to {total:,}, the photo has {height * width:,} pixels; "
            "give lengths of runs, of background and person in turn"
        )
    return None


def _runs(text: str) -> list[int] | None:
    """The lengths in a compressed code; None if it is none.

    Each is a number of 5 bits a letter, the lowest first, with a sign, and from the fourth on the
    difference from the one before the last.
    """
    try:
        letters = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        return None
    if len(letters) == 0 or letters.min() < 0 or letters.max() > 63 or letters[-1] & 32:
        return None
    ends = np.flatnonzero(letters < 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 7:  # 35 bits
        return None
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    values = np.add.reduceat((letters & 31) << (5 * place), starts)
    values -= np.where(letters[ends] & 16, np.int64(1) << (5 * lengths), 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values.tolist()
