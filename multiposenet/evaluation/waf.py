"""AP of keypoints on We Are Family (WAF): group photos, of people the upper bodies.

Eichner and Ferrari, "We are family: joint pose estimation of multiple persons", ECCV 2010: photos
1 to 350 are for training, 351 to 525 for testing. Their measure is the percentage of correct body
parts (PCP) of persons who were detected, and Chen and Yuille, "Parsing occluded people by flexible
compositions", CVPR 2015, add one for which parts are hidden (AOP). Neither punishes people who are
not there. DeepCut, DeeperCut and RMPE (table 3) therefore compare AP, "as on MPII"; only that is
implemented here (`keypoint_precision`), with shoulders, elbows, wrists, neck and head top.

Certain is that neck and head top together are the papers' "Head", and that "Total" is the mean of
the four parts: every row of the tables gives it. Not written in the papers, and chosen here:

- The unit. MPII's head is 0.6 of the diagonal of a box that WAF has not. We take the length of the
  head's stick, from neck to top, and of a person whose head is hidden the mean of the others' on
  the photo, for people in a group photo are about equally large. Nothing hits a person if no head
  on the photo is labelled.
- Hidden keypoints. WAF does not tell where they are. As on MPII a keypoint predicted there is
  wrong.
- The rank of a prediction is the score of the keypoint.
"""

from collections.abc import Sequence

import numpy as np

from multiposenet.evaluation import keypoint_precision, mpii
from multiposenet.evaluation.keypoint_precision import Group
from multiposenet.poses import Poses
from multiposenet.skeleton import LSP_14

PARTS = {"head": ("neck", "head_top")} | {
    part: mpii.PARTS[part] for part in ("shoulder", "elbow", "wrist")
}
KEYPOINTS = tuple(name for names in PARTS.values() for name in names)


def head_lengths(keypoints: np.ndarray) -> np.ndarray:
    """Lengths of the heads of the people of a photo, the unit of the measure.

    Args:
        keypoints: (G, 14, 3) labels (x, y, v) of `LSP_14`, in pixels.

    Returns:
        (G,) float64 pixels; the mean of the others' where neck or head top is not labelled or they
        are in one place, and NaN if that holds for everybody.
    """
    neck, top = (np.asarray(keypoints)[:, LSP_14.index(name)] for name in PARTS["head"])
    lengths = np.hypot(*(neck[:, :2] - top[:, :2]).T.astype(np.float64))
    known = (neck[:, 2] > 0) & (top[:, 2] > 0) & (lengths > 0)
    return np.where(known, lengths, lengths[known].mean() if known.any() else np.nan)


def people(keypoints: np.ndarray, poses: Poses) -> Group:
    """The people of a photo with the poses found on it.

    Args:
        keypoints: (G, 14, 3) labels (x, y, v) of `LSP_14`, as the reader gives them for this
            skeleton, in pixels of the photo.
        poses: of the photo, in any skeleton; keypoints it has not are not found.
    """
    return Group.of_poses(keypoints, LSP_14, head_lengths(keypoints), poses, KEYPOINTS)


def evaluate(groups: Sequence[Group]) -> dict[str, float]:
    """AP of keypoints at half a head (RMPE, table 3).

    Args:
        groups: one for each photo, of the keypoints `KEYPOINTS`, as `people` makes them.

    Returns:
        `waf/` head, shoulder, elbow, wrist, and total, the mean of all keypoints. From 0 to 1; -1
        where nothing is labelled.

    Raises:
        ValueError: there is no group, or one has other keypoints.
    """
    if any(group.scores.shape[1] != len(KEYPOINTS) for group in groups):
        raise ValueError(f"groups: not of {len(KEYPOINTS)} keypoints; make them by people()")
    values = keypoint_precision.keypoint_average_precision(groups)
    figures = keypoint_precision.by_part(values, KEYPOINTS, PARTS | {"total": KEYPOINTS})
    return {f"waf/{name}": value for name, value in figures.items()}
