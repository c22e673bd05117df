"""What a pose scores, of its box's and its keypoints' scores: a rule by name."""

import numpy as np

RULES = ("geometric", "keypoints", "box")
"""The geometric mean of both, the library's own; the mean of the keypoints' (G-RMI, keypoint
rescoring); the box's."""


def check(rule: str) -> str:
    """Returns a name of `RULES`, or raises `ValueError`."""
    if rule not in RULES:
        raise ValueError(f"rescoring: {rule!r}; use one of {', '.join(RULES)}")
    return rule


def pose_scores(rule: str, box_scores, keypoint_scores) -> np.ndarray:
    """Scores of poses.

    Args:
        rule: of `RULES`.
        box_scores: (N,) from 0 to 1.
        keypoint_scores: (N, K) from 0 to 1.

    Returns:
        (N,) from 0 to 1.
    """
    if rule == "box":
        return np.asarray(box_scores)
    mean = np.asarray(keypoint_scores).mean(axis=-1)
    return mean if rule == "keypoints" else np.sqrt(box_scores * mean)


def least_box_score(rule: str, score: float) -> float:
    """What a box scores at least if its pose is to score so much, however sure its keypoints."""
    return {"geometric": score**2, "box": score}.get(rule, 0.0)
