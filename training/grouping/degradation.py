"""Detections made from labels, worse by a chosen amount: how much does grouping bear?

A detector of keypoints and one of persons miss, invent and misplace things. `degrade` does one or
several of these to the labels of a photo. What it draws depends on the seed, the photo and the
kind of error alone: a higher level keeps the errors of a lower one and adds to them, and one kind
of error does not disturb another.
"""

from dataclasses import dataclass, fields

import numpy as np

from multiposenet.annotations import ImageRecord
from multiposenet.errors import InputError
from multiposenet.networks.roi_crop import MARGIN

SPURIOUS = -1  # owner of a keypoint that is nobody's
_MOST_SPURIOUS = 8
_DUPLICATE_LOOSE = 0.15
_LOWEST_DUPLICATE = 0.5


@dataclass(frozen=True)
class Degradation:
    """How wrong the detections are; all 0 leaves the labels as they are.

    Attributes:
        jitter: standard deviation of every keypoint's place on either axis, as a share of the
            person's size, the square root of its area.
        missing: share of the keypoints that are not detected.
        spurious: keypoints detected where there are none, for every labelled one; each lies
            anywhere in, or up to the margin of 21 % around, some person's box. At most 8.
        loose: every side of every box is off by up to this share of the box's width or height,
            inwards or outwards. Less than 0.5.
        duplicate: share of the persons who get a second box, off by up to 15 % and with a score
            of 0.5 to 1.

    Raises:
        InputError: a value is out of range.
    """

    jitter: float = 0.0
    missing: float = 0.0
    spurious: float = 0.0
    loose: float = 0.0
    duplicate: float = 0.0

    def __post_init__(self):
        most = {"missing": 1.0, "duplicate": 1.0, "spurious": _MOST_SPURIOUS, "loose": 0.49}
        for field in fields(self):
            value, limit = getattr(self, field.name), most.get(field.name, np.inf)
            if not 0 <= value <= limit:
                raise InputError(f"degradation: {field.name}: {value}; give 0 to {limit:g}")


KINDS = tuple(field.name for field in fields(Degradation))


@dataclass(frozen=True, eq=False)
class Detected:
    """What imperfect detectors find on one photo, in its pixels.

    All keypoints have a score of 1: nothing but their places tells whose they are. They are listed
    in random order, so that the first is no better than the others.

    Attributes:
        boxes: (N, 4) float32 xyxy.
        box_scores: (N,) float32; 1 but for duplicates.
        box_owners: (N,) int, the person whose box it is.
        keypoints: (K, P, 3) float32 x, y, score; score 0 marks unused rows.
        owners: (K, P) int, the person whose keypoint it is, or `SPURIOUS`.
    """

    boxes: np.ndarray
    box_scores: np.ndarray
    box_owners: np.ndarray
    keypoints: np.ndarray
    owners: np.ndarray


def degrade(record: ImageRecord, degradation: Degradation, seed: int = 0) -> Detected:
    """Detections on a photo from its labels.

    Args:
        record: the photo; crowds are left out.
        degradation: what goes wrong.
        seed: of all randomness, together with the photo's id.
    """

    def rng(stream):
        return np.random.default_rng((seed, record.id % 2**32, stream))

    persons = np.flatnonzero(~record.crowd)
    boxes, areas = record.boxes[persons].astype(np.float64), record.areas[persons]
    points = record.keypoints[persons, :, :2].astype(np.float64)
    present = record.keypoints[persons, :, 2] > 0
    jitter = rng(0).normal(size=points.shape) * np.sqrt(areas)[:, None, None]
    points = points + degradation.jitter * jitter
    found = present & (rng(1).random(present.shape) >= degradation.missing)
    false, false_found = _spurious(boxes, present, degradation.spurious, rng(2))
    copies = np.flatnonzero(rng(4).random(len(boxes)) < degradation.duplicate)
    duplicates = _shifted(boxes, _DUPLICATE_LOOSE, rng(5))[copies]
    doubt = rng(6).uniform(_LOWEST_DUPLICATE, 1, len(boxes))[copies]
    owners = np.where(found, persons[:, None], SPURIOUS)
    keypoints, owners = _listed(
        np.concatenate([points, false]),
        np.concatenate([found, false_found]),
        np.concatenate([owners, np.full(false_found.shape, SPURIOUS)]),
        rng(7),
    )
    return Detected(
        np.concatenate([_shifted(boxes, degradation.loose, rng(3)), duplicates]).astype(np.float32),
        np.concatenate([np.ones(len(boxes)), doubt]).astype(np.float32),
        np.concatenate([persons, persons[copies]]),
        keypoints,
        owners,
    )


def _shifted(boxes, share, rng):
    """Boxes with every side moved by up to a share of the box's extent along it."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + share * rng.uniform(-1, 1, boxes.shape) * size


def _spurious(boxes, present, per_keypoint, rng):
    """(M, K, 2) places of false keypoints and (M, K) bool, which of them are there.

    Every labelled keypoint has as many slots as false ones are possible at all; a share of the
    slots is filled.
    """
    people, num_keypoints = present.shape
    slots = (_MOST_SPURIOUS * people, num_keypoints)
    chance = rng.random(slots)
    there = np.tile(present, (_MOST_SPURIOUS, 1)) & (chance < per_keypoint / _MOST_SPURIOUS)
    around = boxes[rng.integers(people, size=slots)] if people else np.zeros((*slots, 4))
    share = rng.uniform(-MARGIN, 1 + MARGIN, (*slots, 2))
    return around[..., :2] + share * (around[..., 2:] - around[..., :2]), there


def _listed(points, found, owners, rng):
    """(K, P, 3) the found of (M, K, 2) points in random order, padded, and (K, P) their owners."""
    # The order of two keypoints does not depend on which others are there.
    order = np.argsort(np.where(found, rng.random(found.shape), 2), axis=0)
    order = order[: found.sum(axis=0).max(initial=0)]
    points = np.take_along_axis(points, order[..., None], axis=0)
    found = np.take_along_axis(found, order, axis=0)
    owners = np.take_along_axis(owners, order, axis=0)
    rows = np.where(found[..., None], np.concatenate([points, found[..., None]], axis=-1), 0)
    return rows.transpose(1, 0, 2).astype(np.float32), owners.T
