"""Percentage of correct keypoints: how many keypoints lie near enough to where they should be.

A keypoint is correct if it is at most `threshold` x the person's unit of length away (Yang and
Ramanan, "Articulated human detection with flexible mixtures of parts", PAMI 2013). The unit is the
torso for PCK as it is measured on LSP, the head for PCKh (Andriluka et al., CVPR 2014).
"""

import numpy as np

from multiposenet.annotations import ImageRecord
from multiposenet.maths import overlap as overlaps
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton

TORSO = ("left_shoulder", "right_hip")
"""Keypoints whose distance is the length of the torso, as in PCK on LSP."""

_HEAD = 0.6  # of the diagonal of the head's box, as MPII has it
_SHORTEST = 1.0  # pixels of a torso that is still one


def torso_sizes(keypoints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Distance of left shoulder and right hip, the unit of PCK on LSP.

    Args:
        keypoints: (P, K, 3) labels (x, y, v) in pixels.
        skeleton: their keypoints.

    Returns:
        (P,) float64 pixels; NaN where one of the two is unlabelled or missing in the skeleton, and
        where they are less than a pixel apart.
    """
    keypoints = np.asarray(keypoints, np.float64)
    if not set(TORSO) <= set(skeleton.keypoints):
        return np.full(len(keypoints), np.nan)
    first, second = (keypoints[:, skeleton.index(name)] for name in TORSO)
    sizes = np.linalg.norm(first[:, :2] - second[:, :2], axis=1)
    usable = (first[:, 2] > 0) & (second[:, 2] > 0) & (sizes >= _SHORTEST)
    return np.where(usable, sizes, np.nan)


def head_sizes(boxes: np.ndarray) -> np.ndarray:
    """0.6 of the diagonals of the heads' boxes, the unit of PCKh.

    Args:
        boxes: (P, 4) xyxy in pixels.

    Returns:
        (P,) float64 pixels.
    """
    boxes = np.asarray(boxes, np.float64)
    return _HEAD * np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def pck(
    predictions: np.ndarray,
    truths: np.ndarray,
    labelled: np.ndarray,
    units: np.ndarray,
    threshold: float = 0.2,
) -> tuple[np.ndarray, float]:
    """Part of the labelled keypoints that are correct.

    Args:
        predictions: (P, K, 2) of the P persons, in pixels; NaN where nothing was found, which is
            wrong.
        truths: (P, K, 2) in the same frame; anything where not labelled.
        labelled: (P, K) bool.
        units: (P,) length in pixels for each person. Those with NaN or 0 are left out.
        threshold: distance allowed, in units; the limit itself is correct.

    Returns:
        (K,) float64 by keypoint, over the persons who have it labelled, and the overall figure,
        over all labelled keypoints (so that it is the mean of the keypoints' figures weighted by
        how often they are labelled). NaN where nothing is labelled.

    Raises:
        ValueError: the shapes do not fit together.
    """
    predictions, truths = np.asarray(predictions, np.float64), np.asarray(truths, np.float64)
    labelled, units = np.asarray(labelled, bool), np.asarray(units, np.float64)
    if not (predictions.shape == truths.shape == (*labelled.shape, 2)) or (
        units.shape != labelled.shape[:1]
    ):
        raise ValueError(
            f"predictions: shape {predictions.shape}, truths {truths.shape}, labelled "
            f"{labelled.shape}, units {units.shape}; give (P, K, 2) twice, (P, K) and (P,)"
        )
    counted = labelled & (units > 0)[:, None]
    offset = predictions - truths
    # NaN, of a missing prediction, is within no distance.
    near = np.hypot(offset[..., 0], offset[..., 1]) <= threshold * units[:, None]
    correct, wanted = (near & counted).sum(axis=0), counted.sum(axis=0)
    by_keypoint = np.where(wanted > 0, correct / np.maximum(wanted, 1), np.nan)
    return by_keypoint, float(correct.sum() / wanted.sum()) if wanted.sum() else np.nan


def torso_pck(
    predictions: np.ndarray, labels: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, float]:
    """`pck` of people whose answers are known, in units of their torsos.

    Args:
        predictions: (P, K, 2) in pixels.
        labels: (P, K, 3) labels (x, y, v) in the same frame.
        skeleton: their keypoints.
    """
    units = torso_sizes(labels, skeleton)
    return pck(predictions, labels[..., :2], labels[..., 2] > 0, units)


class TorsoPCK:
    """PCK of the annotated persons of many photos, in units of their torsos.

    The keypoints that both skeletons have are compared. A person is answered for by the pose whose
    box overlaps the annotated box most (IoU), whatever its score, the first of equal ones; without
    any overlap, or where the pose lacks a keypoint (score 0), the keypoint counts as wrong. Poses
    of people who are not annotated do no harm, so that the measure fits photos on which only some
    are. Left out are crowds, and persons without a length of the torso (`torso_sizes`), who are
    counted.

    Args:
        truth: keypoints of the annotations.
        found: keypoints of the model.
        threshold: distance allowed, in torsos.

    Raises:
        ValueError: the skeletons have no keypoint in common, or the annotations no torso.
    """

    def __init__(self, truth: Skeleton, found: Skeleton, threshold: float = 0.2):
        place = truth.indices_from(found)
        self._truth, self._keypoints = truth, np.flatnonzero(place >= 0)
        self._found = place[self._keypoints]
        self._threshold = threshold
        if not len(self._keypoints):
            raise ValueError(f"keypoints: {truth.name} and {found.name} have none in common")
        if not set(TORSO) <= set(truth.keypoints):
            raise ValueError(f"keypoints: {truth.name} has not {' and '.join(TORSO)}")
        self._predictions, self._labels, self._units = [], [], []

    def update(self, record: ImageRecord, poses: Poses | None) -> None:
        """Adds a photo.

        Args:
            record: its annotations.
            poses: what was found on it; None if it could not be looked at.
        """
        persons = ~record.crowd & (record.keypoints[:, self._keypoints, 2] > 0).any(axis=1)
        labels = record.keypoints[persons]
        predictions = overlapping(record.boxes[persons], labels, poses, self._found)
        self._predictions.append(predictions)
        self._labels.append(labels[:, self._keypoints])
        self._units.append(torso_sizes(labels, self._truth))

    def result(self) -> dict[str, float]:
        """Returns `pck/mean`, over all labelled keypoints, `pck/NAME` of each shared keypoint, the
        number of persons `pck/persons`, and `pck/left_out` of those without torso; -1 where no
        keypoint is labelled."""
        shape = (0, len(self._keypoints))
        predictions = np.concatenate([np.zeros((*shape, 2)), *self._predictions])
        labels = np.concatenate([np.zeros((*shape, 3)), *self._labels])
        units = np.concatenate([np.zeros(0), *self._units])
        by_keypoint, mean = pck(
            predictions, labels[..., :2], labels[..., 2] > 0, units, self._threshold
        )
        names = [self._truth.keypoints[keypoint] for keypoint in self._keypoints]
        values = np.nan_to_num([mean, *by_keypoint], nan=-1.0).tolist()
        figures = {f"pck/{name}": v for name, v in zip(["mean", *names], values, strict=True)}
        left_out = int(np.isnan(units).sum())
        return figures | {"pck/persons": len(units) - left_out, "pck/left_out": left_out}


def overlapping(
    boxes: np.ndarray, keypoints: np.ndarray, poses: Poses | None, places: np.ndarray
) -> np.ndarray:
    """What answers for annotated persons: for each the pose whose box overlaps its own most.

    Args:
        boxes: (P, 4) xyxy of the persons, in pixels.
        keypoints: (P, K, 3) labels (x, y, v), whose extent stands for a box without area.
        poses: what was found on the photo; None if it could not be looked at.
        places: (J,) the keypoints wanted, as places in the skeleton of the poses; -1 for one that
            it has not.

    Returns:
        (P, J, 2) float64 pixels; NaN without any overlap, and where the pose lacks the keypoint.
    """
    places = np.asarray(places)
    predictions = np.full((len(keypoints), len(places), 2), np.nan)
    if poses is not None and len(poses) and len(keypoints):
        overlap = overlaps.pairwise_iou(_boxes(boxes, keypoints), poses.boxes)
        best = overlap.argmax(axis=1)
        there = (poses.keypoint_scores[best][:, places] > 0) & (places >= 0)
        there &= (overlap.max(axis=1) > 0)[:, None]
        predictions[there] = poses.keypoints[best][:, places][there]
    return predictions


def _boxes(boxes, labels):
    """The boxes; where one has no area, the extent of the labelled keypoints."""
    seen = labels[..., 2:] > 0
    low = np.where(seen, labels[..., :2], np.inf).min(axis=1)
    high = np.where(seen, labels[..., :2], -np.inf).max(axis=1)
    empty = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1, keepdims=True)
    return np.where(empty, np.concatenate([low, high], axis=1), boxes)
