"""Persons whose left and right joints were probably mixed up while labelling."""

import numpy as np

RULE = (
    "left and right disagree: the eyes are in the wrong order about nose and brow, the shoulders "
    "about a face seen from the front, or shoulders and hips about the spine"
)
# Sine of the angle from which two directions count as clearly apart, and the least distance of two
# joints as a share of the person's size: below, a pixel's error turns a pair around.
_CLEAR, _LEAST = 0.5, 0.06


def suspect(keypoints: np.ndarray, names: tuple[str, ...]) -> str:
    """Says why the sides of a person are probably swapped.

    On a person seen from the front the left joint of a pair lies clockwise of the direction that
    points up the body, seen from behind counterclockwise, whichever way the person is turned in
    the picture. A nose and two eyes are seen from the front only, so their order is known; the
    order of shoulders must be that of the face, and that of the hips.

    Args:
        keypoints: (K, 3) (x, y, v).
        names: of the K joints.

    Returns:
        The pairs that disagree; empty if none do, or if they cannot be told.
    """
    at = {name: xyv for name, xyv in zip(names, keypoints, strict=True) if xyv[2] > 0}
    labelled = keypoints[keypoints[:, 2] > 0, :2]
    if len(labelled) < 3:
        return ""
    size = np.ptp(labelled, axis=0).max()
    face = 0
    if {"nose", "left_eye", "right_eye"} <= at.keys() and at["nose"][2] == 2:
        brow = (at["left_eye"] + at["right_eye"]) / 2
        face = _order(brow - at["nose"], at["left_eye"] - at["right_eye"], _LEAST / 3 * size)
    if face < 0:
        return "eyes about the nose"
    if not {"left_shoulder", "right_shoulder", "left_hip", "right_hip"} <= at.keys():
        return ""
    shoulders = at["left_shoulder"] - at["right_shoulder"]
    hips = at["left_hip"] - at["right_hip"]
    spine = (at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]) / 2
    upper, lower = (_order(spine, pair, 1.5 * _LEAST * size) for pair in (shoulders, hips))
    if upper * lower < 0:
        return "shoulders and hips"
    if face * upper < 0 and lower <= 0:
        return "shoulders and face"
    return ""


def _order(up, across, least) -> int:
    """1 if `across` (right to left) is clockwise of `up`, -1 if counterclockwise, 0 if unclear."""
    length = np.hypot(*across[:2])
    turn = up[0] * across[1] - up[1] * across[0]
    if length < max(least, 1.0) or abs(turn) < _CLEAR * length * np.hypot(*up[:2]):
        return 0
    return 1 if turn > 0 else -1
