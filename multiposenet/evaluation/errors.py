"""What detected poses get wrong, person by person and keypoint by keypoint.

The kinds of errors are those of Ronchi & Perona, "Benchmarking and Error Diagnosis in
Multi-Instance Pose Estimation" (ICCV 2017). They match poses by OKS; here persons are
matched by their boxes, so that a person who was found with all keypoints wrong is not taken for a
missed one and a ghost.
"""

from dataclasses import dataclass

import numpy as np

from multiposenet.maths import overlap as overlaps
from multiposenet.maths.similarity import keypoint_similarity

SIZES = ("small", "medium", "large")
PERSONS = ("found", "missed", "ghost", "duplicate")
KEYPOINTS = ("good", "jitter", "inversion", "swap", "miss")

_AREAS = (32.0**2, 96.0**2)  # COCO's limits of medium and large, in square pixels
_GOOD, _CLOSE = (
    0.85,
    0.5,
)  # similarities from which a keypoint is good, and belongs to a place at all
_OVERLAP = 0.3  # IoU from which a detection and a person are the same


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Counts of errors.

    Attributes:
        persons: (3, 4) int. Rows are `SIZES`, of the person, or of the detection where there is
            none; columns are `PERSONS`. A ghost overlaps nobody, a duplicate is the second
            detection of a person. Detections of crowds and of persons without labelled keypoints
            are in no column.
        keypoints: (3, K, 5) int, labelled keypoints of the persons found. The last axis is
            `KEYPOINTS`: jitter is close, inversion is where the mirrored keypoint of the same
            person is, swap where the same or the mirrored keypoint of somebody else is, miss is
            anywhere else.
    """

    persons: np.ndarray
    keypoints: np.ndarray

    @classmethod
    def none(cls, num_keypoints: int) -> "Diagnosis":
        """No person at all, of so many keypoints: the first term of a sum."""
        persons = np.zeros((len(SIZES), len(PERSONS)), int)
        return cls(persons, np.zeros((len(SIZES), num_keypoints, len(KEYPOINTS)), int))

    def __add__(self, other: "Diagnosis") -> "Diagnosis":
        return Diagnosis(self.persons + other.persons, self.keypoints + other.keypoints)


def diagnose(record, poses) -> Diagnosis:
    """Counts the errors on one photo.

    Args:
        record: `annotations.ImageRecord` of the photo.
        poses: `Poses` of the photo, of the keypoints that the annotations have.

    Raises:
        ValueError: the keypoints are not those of the annotations.
    """
    num_keypoints = poses.skeleton.num_keypoints
    if record.keypoints.shape[1:] != (num_keypoints, 3):
        raise ValueError(
            f"poses: {num_keypoints} keypoints, labels: {record.keypoints.shape[1]}; use one of "
            "the same skeleton"
        )
    labelled = ~record.crowd & (record.keypoints[..., 2] > 0).any(axis=1)
    matched, ghost, duplicate = _match(record, poses, labelled)
    sizes = np.digitize(record.areas, _AREAS)
    extents = poses.boxes[:, 2:] - poses.boxes[:, :2]
    detected_sizes = np.digitize(extents.prod(axis=1), _AREAS)
    found = np.zeros(len(record.areas), bool)
    found[matched[matched >= 0]] = True
    persons = np.stack(
        [
            np.bincount(chosen, minlength=len(SIZES))
            for chosen in (
                sizes[labelled & found],
                sizes[labelled & ~found],
                detected_sizes[ghost],
                detected_sizes[duplicate],
            )
        ],
        axis=1,
    )
    kinds = np.zeros((len(SIZES), num_keypoints, len(KEYPOINTS)), int)
    detections = np.flatnonzero(matched >= 0)
    truths = matched[detections]
    kind = _kinds(record, poses, detections, truths)
    person, keypoint = np.nonzero(record.keypoints[truths, :, 2] > 0)
    np.add.at(kinds, (sizes[truths[person]], keypoint, kind[person, keypoint]), 1)
    return Diagnosis(persons, kinds)


def _match(record, poses, labelled):
    """(N,) the labelled person of each detection, -1 for none, and (N,) bool: ghost, duplicate."""
    count = len(poses)
    matched = np.full(count, -1)
    ghost, duplicate = np.zeros(count, bool), np.zeros(count, bool)
    if not count or not len(record.boxes):
        return matched, np.ones(count, bool), duplicate
    overlap = overlaps.pairwise_iou(poses.boxes, record.boxes)
    extents = poses.boxes[:, 2:] - poses.boxes[:, :2]
    # A crowd's box is far larger than a person in it.
    shared = overlaps.intersection(poses.boxes, record.boxes[record.crowd])
    in_crowd = (shared > 0.5 * extents.prod(axis=1)[:, None]).any(axis=1)
    free = labelled.copy()
    for index in np.argsort(-poses.scores, kind="stable"):
        value = np.where(free, overlap[index], 0.0)
        best = int(value.argmax())
        if value[best] >= _OVERLAP:
            matched[index] = best
            free[best] = False
        elif in_crowd[index] or (overlap[index] * ~labelled).max() >= _OVERLAP:
            continue
        elif overlap[index].max() >= _OVERLAP:
            duplicate[index] = True
        else:
            ghost[index] = True
    return matched, ghost, duplicate


def _kinds(record, poses, detections, truths):
    """(M, K) index in `KEYPOINTS` of every keypoint of the matched detections."""
    skeleton = poses.skeleton
    mirrored = record.keypoints[:, skeleton.flip_indices]
    places = poses.keypoints[detections].astype(np.float64)

    def similarity(keypoints):
        """(M, P, K) of every detection's keypoints with those of every person."""
        offset = places[:, None] - keypoints[None, :, :, :2]
        squared = np.square(offset).sum(axis=3)[..., None]  # a pose of one keypoint each
        there = np.broadcast_to(keypoints[None, ..., 2:] > 0, squared.shape)
        return keypoint_similarity(squared, there, record.areas[truths][:, None, None], sigmas)

    sigmas = np.array(skeleton.sigmas)[:, None]
    same, other = similarity(record.keypoints), similarity(mirrored)
    rows = np.arange(len(truths))
    own, inverted = same[rows, truths], other[rows, truths]
    # A keypoint of the body's middle is its own mirror image and cannot be inverted.
    inverted[:, skeleton.flip_indices == np.arange(skeleton.num_keypoints)] = 0.0
    others = np.maximum(same, other)
    others[rows, truths] = 0.0
    swapped = others.max(axis=1, initial=0.0)
    return np.select(
        [
            own >= _GOOD,
            own >= _CLOSE,
            (inverted >= _CLOSE) & (inverted >= swapped),
            swapped >= _CLOSE,
        ],
        [KEYPOINTS.index(name) for name in ("good", "jitter", "inversion", "swap")],
        KEYPOINTS.index("miss"),
    )
