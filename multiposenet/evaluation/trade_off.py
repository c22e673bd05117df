"""Cost against quality: which settings are worth their time, and how alike two of them answer."""

from collections.abc import Sequence

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton

NEAR = 0.01
"""Of the best quality, what a faster setting may lack."""
_SEEN = 0.1  # a keypoint that scores less is no reference


def worthwhile(ms: Sequence[float], quality: Sequence[float]) -> np.ndarray:
    """Which settings are not beaten: no other is as fast and better, or as good and faster.

    Args:
        ms: (S,) of each setting.
        quality: (S,) of each, more is better.

    Returns:
        (S,) bool; of several that are equal in both, all.
    """
    ms, quality = np.asarray(ms, float), np.asarray(quality, float)
    no_worse = (ms[:, None] <= ms) & (quality[:, None] >= quality)
    better = (ms[:, None] < ms) | (quality[:, None] > quality)
    return ~(no_worse & better).any(axis=0)


def proposed(ms: Sequence[float], quality: Sequence[float], most_ms: float | None = None) -> int:
    """The setting to take.

    Args:
        ms, quality: as of `worthwhile`, not empty.
        most_ms: what it may take.

    Returns:
        Its place: the best that takes no longer, or the fastest if all do; without a limit the
        fastest that lacks no more than `NEAR` of the best quality. Of equally good ones the faster.
    """
    ms, quality = np.asarray(ms, float), np.asarray(quality, float)
    if most_ms is None:
        allowed = quality >= quality.max() - NEAR
        return int(np.flatnonzero(allowed)[np.argmin(ms[allowed])])
    if (ms > most_ms).all():
        return int(np.argmin(ms))
    allowed = np.flatnonzero(ms <= most_ms)
    return int(allowed[np.lexsort((ms[allowed], -quality[allowed]))[0]])


def as_labels(found: Sequence[Poses | None], skeleton: Skeleton, score: float) -> CocoAnnotations:
    """What one setting has found, as labels for the others: AP against them is agreement by OKS.

    Args:
        found: of each photo, whose id is its place; None of those that could not be used.
        skeleton: of the poses.
        score: people who score less are no reference.
    """
    images, annotations = [], []
    for place, poses in enumerate(found):
        if poses is None:
            continue
        height, width = poses.image_size
        name = f"{place}.jpg"
        images.append({"id": place, "file_name": name, "width": width, "height": height})
        sure = poses.above(score)
        for row in sure.to_coco(place):
            triples = np.reshape(row["keypoints"], (-1, 3))
            seen = triples[:, 2:] >= _SEEN
            triples = np.where(seen, np.concatenate([triples[:, :2], 2 * seen], axis=1), 0)
            own = {"id": len(annotations) + 1, "image_id": place, "category_id": 1, "iscrowd": 0}
            own |= {"num_keypoints": int(seen.sum()), "keypoints": triples.ravel().tolist()}
            width, height = row["bbox"][2:]
            annotations.append({**own, "bbox": row["bbox"], "area": max(width * height, 1.0)})
    category = {"id": 1, "name": "person", "keypoints": list(skeleton.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    return CocoAnnotations.from_content(content, "what was found", skeleton)
