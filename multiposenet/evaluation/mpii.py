"""The measures of MPII Human Pose: PCKh of single persons, AP of keypoints of groups of people.

The head is 0.6 of the diagonal of its box (`head_sizes`), a keypoint right within half a head. Of
the sixteen keypoints fourteen are measured, all but pelvis and thorax. Both members of a pair, and
neck and head top, make up a part; a part's figure is the mean of the two.

Multi-person (`multi_person`): a photo of the test set has one or more groups of people, 1,758 in
all, listed in MPII's toolkit, and each is measured by itself against the poses found in its region
(`in_region`), as `keypoint_precision` describes. Where the region begins is not prescribed beyond
the bounds of the people's rough positions; the margin is ours.

The subset "288" of DeepCut's tables, with which the paper compares (RMPE, table 2), is the same
measure on the groups of 288 photos. Which ones the papers do not say, and no list is kept here: who
has it gives those groups only. First or random ones are another set, of which the figures are not
comparable.

MPII withheld the labels of its test set for years. What can be measured elsewhere, such as on the
usual 2,958 persons for validation, is not to be put beside the papers' tables without saying so.
"""

from collections.abc import Sequence

import numpy as np

from multiposenet.evaluation import keypoint_precision
from multiposenet.evaluation.keypoint_precision import Group
from multiposenet.evaluation.pck import head_sizes, pck
from multiposenet.poses import Poses
from multiposenet.skeleton import MPII_16, Skeleton

__all__ = [
    "KEYPOINTS",
    "PARTS",
    "head_sizes",
    "in_region",
    "multi_person",
    "people",
    "places",
    "single_person",
]

PARTS = {
    "head": ("upper_neck", "head_top"),
    **{
        part: (f"right_{part}", f"left_{part}")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    },
}
KEYPOINTS = tuple(name for names in PARTS.values() for name in names)

_UPPER = ("head", "shoulder", "elbow", "wrist")
_LIMBS = _UPPER[1:]  # PCKh's upper body is without the head
_THRESHOLDS = np.arange(51) / 100  # of the curve under which the area is taken


def _keypoints_of(parts) -> tuple[str, ...]:
    return tuple(name for part in parts for name in PARTS[part])


def places(skeleton: Skeleton) -> np.ndarray:
    """(16,) places of the keypoints of `MPII_16` in a skeleton, -1 for those that it has not."""
    return np.array([keypoint_precision.place_of(skeleton, name) for name in MPII_16.keypoints])


def single_person(
    predictions: np.ndarray, keypoints: np.ndarray, sizes: np.ndarray
) -> dict[str, float]:
    """PCKh@0.5 of persons that were told apart beforehand.

    Args:
        predictions: (P, 16, 2) in the order of `MPII_16`, in pixels; NaN where nothing was found.
        keypoints: (P, 16, 3) labels (x, y, v) in the same frame.
        sizes: (P,) heads in pixels, as `head_sizes` gives them. Persons with NaN or 0 are left
            out.

    Returns:
        `pckh/` head, shoulder, elbow, wrist, hip, knee, ankle; upper_body, over all labelled
        shoulders, elbows and wrists; total, over all labelled keypoints; AUC, the mean of the total
        over thresholds from 0 to 0.5, in steps of 0.01 by the trapezoidal rule. From 0 to 1; -1
        where nothing is labelled.

    Raises:
        ValueError: the shapes do not fit together.
    """
    keypoints = np.asarray(keypoints)

    def measured(names, threshold):
        own = [MPII_16.index(name) for name in names]
        labels = keypoints[:, own]
        places = np.asarray(predictions)[:, own]
        return pck(places, labels[..., :2], labels[..., 2] > 0, sizes, threshold)

    by_keypoint, total = measured(KEYPOINTS, keypoint_precision.THRESHOLD)
    _, upper = measured(_keypoints_of(_LIMBS), keypoint_precision.THRESHOLD)
    curve = np.array([measured(KEYPOINTS, threshold)[1] for threshold in _THRESHOLDS])
    area = ((curve[1:] + curve[:-1]) / 2).mean()
    whole = {"upper_body": upper, "total": total, "AUC": area}
    figures = keypoint_precision.by_part(by_keypoint, KEYPOINTS, PARTS)
    figures |= {name: -1.0 if np.isnan(value) else float(value) for name, value in whole.items()}
    return {f"pckh/{name}": value for name, value in figures.items()}


def people(keypoints: np.ndarray, sizes: np.ndarray, poses: Poses) -> Group:
    """The persons of a group with the poses found there.

    Args:
        keypoints: (G, 16, 3) labels (x, y, v) of `MPII_16`, in pixels of the photo.
        sizes: (G,) heads in pixels, as `head_sizes` gives them.
        poses: of the photo, in any skeleton; keypoints it has not are not found.
    """
    return Group.of_poses(keypoints, MPII_16, sizes, poses, KEYPOINTS)


def multi_person(groups: Sequence[Group]) -> dict[str, float]:
    """AP of keypoints of groups of people, at half a head (RMPE, tables 1 and 2).

    Args:
        groups: of the keypoints `KEYPOINTS`, as `people` makes them: all of the set, or those of
            the subset.

    Returns:
        `mpii/` head, shoulder, elbow, wrist, hip, knee, ankle; upper_body, the mean of the first
        four; total, the mean of all keypoints. From 0 to 1; -1 where nothing is labelled.

    Raises:
        ValueError: there is no group, or one has other keypoints.
    """
    if any(group.scores.shape[1] != len(KEYPOINTS) for group in groups):
        raise ValueError(f"groups: not of {len(KEYPOINTS)} keypoints; make them by people()")
    values = keypoint_precision.keypoint_average_precision(groups)
    parts = PARTS | {"upper_body": _keypoints_of(_UPPER), "total": KEYPOINTS}
    figures = keypoint_precision.by_part(values, KEYPOINTS, parts)
    return {f"mpii/{name}": value for name, value in figures.items()}


def in_region(
    poses: Poses, positions: np.ndarray, heights: np.ndarray, margin: float = 0.25
) -> Poses:
    """The poses that belong to a group, so that others on the photo are not held against it.

    The protocol gives a system the bounds of the people's rough positions (`objpos`) and the mean
    of their scales; one that looks at whole photos chooses poses afterwards. Here those are taken
    of which the middle, the mean of the keypoints found, is within the bounds plus a margin.

    Args:
        poses: of the photo.
        positions: (G, 2) rough positions of the people in pixels.
        heights: (G,) of the people in pixels; 200 x MPII's scales.
        margin: on each side, in heights of the mean person. Not prescribed.

    Returns:
        The poses in the region; poses without any keypoint are not.
    """
    found = (poses.keypoint_scores > 0)[..., None]
    count = np.maximum(found.sum(axis=1), 1)
    middle = np.where(found, poses.keypoints, 0).sum(axis=1) / count
    positions = np.asarray(positions, np.float64)
    reach = margin * np.mean(heights)
    low, high = positions.min(axis=0) - reach, positions.max(axis=0) + reach
    inside = ((low <= middle) & (middle <= high)).all(axis=1)
    return poses[inside & found.any(axis=(1, 2))]
