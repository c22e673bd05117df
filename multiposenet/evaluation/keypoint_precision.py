"""mAP of keypoints, the papers' mAP of parts: the measure of MPII's multi-person part and WAF.

Pishchulin et al., "DeepCut: joint subset partition and labeling for multi person pose estimation",
CVPR 2016, section 5.2, and Insafutdinov et al., "DeeperCut", ECCV 2016: whole poses are assigned to
persons by the part of the person's keypoints that they hit, and every keypoint is then a detector
of its own, with a curve of precision over recall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton

THRESHOLD = 0.5
"""Distance allowed, in units of the person's head (PCKh@0.5)."""

_NECKS = {"neck": "upper_neck", "upper_neck": "neck"}


@dataclass(frozen=True, eq=False)
class Group:
    """G persons and the N poses found for them, on a photo or a region of it; J keypoints.

    Attributes:
        truths: (G, J, 2) keypoints in pixels; anything where not labelled.
        labelled: (G, J) bool.
        units: (G,) length in pixels for each person, the head's. Nothing hits a person with NaN
            or 0.
        predictions: (N, J, 2) keypoints in the same frame; NaN where there is none.
        scores: (N, J) by which all predictions of a keypoint are ranked.

    Raises:
        ValueError: the shapes do not fit together, or a score is NaN.
    """

    truths: np.ndarray
    labelled: np.ndarray
    units: np.ndarray
    predictions: np.ndarray
    scores: np.ndarray

    def __post_init__(self):
        for name in ("truths", "units", "predictions", "scores"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        object.__setattr__(self, "labelled", np.asarray(self.labelled, bool))
        persons, poses, num_keypoints = (
            len(self.truths),
            len(self.predictions),
            self.scores.shape[-1],
        )
        shapes = {
            "truths": (persons, num_keypoints, 2),
            "labelled": (persons, num_keypoints),
            "units": (persons,),
            "predictions": (poses, num_keypoints, 2),
            "scores": (poses, num_keypoints),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {getattr(self, name).shape}; give {shape}")
        if np.isnan(self.scores).any():
            raise ValueError("scores: NaN; give every prediction a score")

    @classmethod
    def of_poses(
        cls,
        keypoints: np.ndarray,
        skeleton: Skeleton,
        units: np.ndarray,
        poses: Poses,
        names: Sequence[str],
    ) -> "Group":
        """Selects keypoints by name from labels and from what was found; a neck is an upper neck.

        Keypoints that the labels lack are unlabelled; those that the poses lack, or have with a
        score of 0, are not predicted. Keypoints are ranked by their own scores.

        Args:
            keypoints: (G, K, 3) labels (x, y, v) in pixels of the photo.
            skeleton: their keypoints.
            units: as the attribute.
            poses: of the same photo, in any skeleton.
            names: of the J keypoints.
        """
        source = np.array([place_of(skeleton, name) for name in names])
        labels = np.asarray(keypoints, np.float64)[:, source]
        found = np.array([place_of(poses.skeleton, name) for name in names])
        scores = np.where(found >= 0, poses.keypoint_scores[:, found], 0)
        places = np.where((scores > 0)[..., None], poses.keypoints[:, found], np.nan)
        labelled = (labels[..., 2] > 0) & (source >= 0)
        return cls(labels[..., :2], labelled, units, places, scores)


def place_of(skeleton: Skeleton, name: str) -> int:
    """The place of a keypoint in a skeleton, a neck being an upper neck; -1 if it has none."""
    names = skeleton.keypoints
    # LSP's neck is MPII's upper neck; the toolkits of both say so.
    name = name if name in names else _NECKS.get(name, name)
    return names.index(name) if name in names else -1


def judge(group: Group, threshold: float = THRESHOLD) -> np.ndarray:
    """Which predictions are right.

    Each pose belongs to the person of whose labelled keypoints it hits the greatest part, and each
    person keeps the pose that hits most of them; the first of equal ones, both times. All keypoints
    of a pose that is left over, and those far from the person's or not labelled there, are wrong.

    Args:
        group: persons and poses.
        threshold: distance allowed, in the persons' units; the limit itself is right.

    Returns:
        (N, J) bool; anything where there is no prediction.
    """
    poses, persons = len(group.predictions), len(group.truths)
    if not poses or not persons:
        return np.zeros(group.scores.shape, bool)
    offset = group.predictions[:, None] - group.truths
    distance = np.hypot(offset[..., 0], offset[..., 1])  # NaN is within nothing
    hit = (distance <= threshold * group.units[:, None]) & group.labelled  # (N, G, J)
    hit &= (group.units > 0)[:, None]
    part = hit.sum(axis=2) / np.maximum(group.labelled.sum(axis=1), 1)  # (N, G)
    rows = np.arange(poses)
    person = part.argmax(axis=1)
    best = np.zeros_like(part)
    best[rows, person] = part[rows, person]
    kept = (best.argmax(axis=0)[person] == rows) & (best[rows, person] > 0)
    return hit[rows, person] & kept[:, None]


def average_precision(scores: np.ndarray, right: np.ndarray, wanted: int) -> float:
    """Area under precision over recall, precision made falling, as in PASCAL VOC since 2010.

    Args:
        scores: (D,) of the predictions; equal ones keep their order.
        right: (D,) bool.
        wanted: number of keypoints to be found.

    Returns:
        0 to 1; NaN if nothing is wanted.
    """
    if not wanted:
        return np.nan
    right = np.asarray(right, bool)[np.argsort(-np.asarray(scores), kind="stable")]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[right].sum() / wanted)  # each right one is a step of 1 / wanted


def keypoint_average_precision(groups: Sequence[Group], threshold: float = THRESHOLD) -> np.ndarray:
    """Average precision of each keypoint over all groups.

    Args:
        groups: all of the same J keypoints.
        threshold: as in `judge`.

    Returns:
        (J,) float64, 0 to 1; NaN where no person has the keypoint labelled.

    Raises:
        ValueError: there is no group.
    """
    if not groups:
        raise ValueError("groups: none; give at least one")
    right = np.concatenate([judge(group, threshold) for group in groups])
    scores = np.concatenate([group.scores for group in groups])
    there = ~np.isnan(np.concatenate([group.predictions for group in groups])).any(axis=2)
    wanted = sum(group.labelled.sum(axis=0) for group in groups)
    return np.array(
        [
            average_precision(scores[own, keypoint], right[own, keypoint], wanted[keypoint])
            for keypoint, own in enumerate(there.T)
        ]
    )


def by_part(
    values: np.ndarray, keypoints: Sequence[str], parts: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Mean over the keypoints of each part of the body, those that are NaN left out.

    Args:
        values: (J,) of the keypoints.
        keypoints: their names.
        parts: names of the parts -> names of their keypoints.

    Returns:
        A figure for each part; -1 where all its keypoints are NaN.
    """
    figures = {}
    for part, names in parts.items():
        own = np.array([values[keypoints.index(name)] for name in names])
        own = own[~np.isnan(own)]
        figures[part] = float(own.mean()) if len(own) else -1.0
    return figures
