"""Persons whose left and right keypoints were probably mixed up while labelling."""

import numpy as np

RULE = (
    "left and right disagree: the eyes are in the wrong order about nose and brow, the shoulders "
    "about a face seen from the front, or shoulders and hips about the spine"
)
_CLEAR = 0.5  # sine of the angle from which two directions count as clearly apart
_LEAST = 0.02  # least distance of two keypoints as a share of the person's size, and
_PIXELS = 2.0  # in pixels: below, a small error turns a pair around
# How wide a pair must be, as a share of the direction up, to be seen from the front or from behind
# rather than from the side: eyes over nose and brow, shoulders and hips over the spine.
_EYES, _SHOULDERS, _HIPS = 1.2, 0.4, 0.2


def suspect(keypoints: np.ndarray, names: tuple[str, ...]) -> str:
    """Says why the sides of a person are probably swapped.

    On a person seen from the front the left keypoint of a pair lies clockwise of the direction that
    points up the body, seen from behind counterclockwise, whichever way the person is turned in
    the picture. A nose and two eyes are seen from the front only, so their order is known; the
    order of shoulders must be that of the face, and that of the hips.

    Args:
        keypoints: (K, 3) (x, y, v).
        names: of the K keypoints.

    Returns:
        The pairs that disagree; empty if none do, or if they cannot be told.
    """
    at = {name: xyv for name, xyv in zip(names, keypoints, strict=True) if xyv[2] > 0}
    labelled = keypoints[keypoints[:, 2] > 0, :2]
    if len(labelled) < 3:
        return ""
    size = max(_LEAST * np.ptp(labelled, axis=0).max(), _PIXELS)
    eyes, face = _pair(at, "eye"), 0
    shoulders, hips = _pair(at, "shoulder"), _pair(at, "hip")
    if eyes and "nose" in at and at["nose"][2] == 2:
        face = _order(eyes[0] - at["nose"][:2], eyes[1], size, _EYES)
        # Of a head tipped back the eyes lie below the nose.
        above = at["nose"][:2] - shoulders[0] if shoulders else eyes[0] - at["nose"][:2]
        face *= face == _order(above, eyes[1], size)
    if face < 0:
        return "eyes about the nose"
    if not (shoulders and hips):
        return ""
    spine = shoulders[0] - hips[0]
    upper = _order(spine, shoulders[1], size, _SHOULDERS)
    lower = _order(spine, hips[1], size, _HIPS)
    if upper * lower < 0:
        return "shoulders and hips"
    if face * upper < 0 and lower <= 0:
        return "shoulders and face"
    return ""


def _pair(at, name):
    """Middle of a pair of keypoints, and the way from right to left; None if one is missing."""
    left, right = at.get(f"left_{name}"), at.get(f"right_{name}")
    return None if left is None or right is None else ((left + right)[:2] / 2, (left - right)[:2])


def _order(up, across, least, share=0.0):
    """1 if `across` (right to left) is clockwise of `up`, -1 if counterclockwise, 0 if unclear."""
    height, length = np.hypot(*up), np.hypot(*across)
    turn = up[0] * across[1] - up[1] * across[0]
    if length < max(least, share * height) or abs(turn) < _CLEAR * length * height:
        return 0
    return 1 if turn > 0 else -1
