"""One result of several for one image: poses alike by OKS become one.

Test-time augmentation and ensembles are merged by this, as MultiPoseNet's are by OKS-NMS
(MultiPoseNet, section 3.5).
"""

from collections.abc import Sequence

import numpy as np

from multiposenet.maths.suppression import oks_groups
from multiposenet.poses import Poses

THRESHOLD = 0.5
"""OKS from which two poses are of one person."""
_NEAR = 0.1  # of a person's size: keypoints that are averaged lie no farther from the surest one


def merged(found: Sequence[Poses], whole: Sequence[bool] | None = None) -> Poses:
    """Merges what was found of one image, several times.

    Of poses alike, the best one gives the box, and each keypoint is the mean, by scores, of those
    that lie where the surest one does. A pose scores the mean over the results in which it could
    have been found, 0 counting where it was not.

    Args:
        found: `Poses` of one image and skeleton, one or more.
        whole: which of them are of the whole image; those of parts of it count where they score
            more, and their masks not at all. By default all; one must be.

    Returns:
        `Poses`, best first, with the mean of the masks.
    """
    whole = [True] * len(found) if whole is None else list(whole)
    first = found[0]
    fields = ("boxes", "box_scores", "keypoints", "keypoint_scores", "scores")
    every = {name: np.concatenate([getattr(own, name) for own in found]) for name in fields}
    source = np.repeat(np.arange(len(found)), [len(own) for own in found])
    kept, owner = oks_groups(
        every["keypoints"],
        every["keypoint_scores"],
        every["scores"],
        every["boxes"],
        first.skeleton.sigmas,
        THRESHOLD,
    )
    keypoints, keypoint_scores = every["keypoints"][kept], every["keypoint_scores"][kept]
    scores = np.zeros(len(kept), np.float32)
    for place, best in enumerate(kept):
        group = np.flatnonzero(owner == place)
        size = (every["boxes"][best, 2:] - every["boxes"][best, :2]).max()
        keypoints[place], keypoint_scores[place] = mean_pose(
            every["keypoints"][group], every["keypoint_scores"][group], size
        )
        of_source = [
            every["scores"][group[source[group] == i]].max(initial=0) for i in range(len(found))
        ]
        scores[place] = np.sum(np.where(whole, of_source, 0)) / sum(whole)
        scores[place] = max(scores[place], np.max(np.where(whole, 0, of_source)))
    masks = [own.mask for own, all_of in zip(found, whole, strict=True) if all_of]
    order = np.argsort(-scores, kind="stable")
    return Poses(
        boxes=every["boxes"][kept],
        box_scores=every["box_scores"][kept],
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        scores=scores,
        skeleton=first.skeleton,
        image_size=first.image_size,
        mask=None if any(mask is None for mask in masks) else np.mean(masks, axis=0),
        source=first.source,
        image=first.image,
    )[order]


def mean_pose(keypoints, scores, size):
    """One pose of several: each keypoint the mean of those that lie where the surest one does.

    Args:
        keypoints: (n, K, 2) xy.
        scores: (n, K) from 0 to 1, the weights.
        size: of the person, in the same unit.

    Returns:
        (K, 2), and (K,) the sum of these scores by n.
    """
    every = np.arange(keypoints.shape[1])
    surest = keypoints[scores.argmax(axis=0), every]
    distances = np.linalg.norm(keypoints - surest, axis=-1)
    weights = np.where(distances <= _NEAR * size, scores, 0)
    total = weights.sum(axis=0)
    mean = (weights[..., None] * keypoints).sum(axis=0) / np.maximum(total, 1e-9)[:, None]
    return np.where(total[:, None] > 0, mean, surest), total / len(keypoints)
