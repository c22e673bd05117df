"""Figures that walk: their limbs swing about the joints, seen from the side."""

import dataclasses

import numpy as np

from multiposenet.training.datasets.figure import Figure

# What turns about a joint: the parts, the keypoints.
_LIMBS = {
    "knee": (("shin", "foot"), ("ankle",)),
    "hip": (("thigh", "shin", "foot"), ("knee", "ankle")),
    "shoulder": (("upper_arm", "forearm", "hand"), ("elbow", "wrist")),
}
_LEG = 0.5  # in heights of the person
_SWING = 0.5  # of the legs, radians


def phase(way: float) -> float:
    """The angle of a walk, in radians, after a way in heights of the person: two steps are 2 pi."""
    return np.pi * way / (2 * _LEG * np.sin(_SWING))


def step(figure: Figure, phase: float) -> Figure:
    """A figure that stands, in the middle of a step.

    Args:
        figure: of the view "left" or "right", towards which it walks.
        phase: in radians; the right leg is half a turn behind the left one.
    """
    forward = {"left": -1, "right": 1}[figure.view]
    points = {part.name: part.points for part in figure.parts}
    keypoints = dict(figure.keypoints)
    for side, own in (("left", phase), ("right", phase + np.pi)):
        angles = {
            "knee": 0.8 * max(0.0, np.cos(own)),  # of the leg that comes forward
            "hip": -_SWING * np.sin(own),
            "shoulder": 0.8 * _SWING * np.sin(own),
        }
        for joint, (parts, places) in _LIMBS.items():  # the knee first: the hip turns it, too
            centre = keypoints[f"{side}_{joint}"]
            turn = _turn(forward * angles[joint])
            for part in (f"{side}_{part}" for part in parts):
                points[part] = (points[part] - centre) @ turn.T + centre
            for place in (f"{side}_{place}" for place in places):
                keypoints[place] = turn @ (keypoints[place] - centre) + centre
    parts = tuple(dataclasses.replace(part, points=points[part.name]) for part in figure.parts)
    return dataclasses.replace(figure, parts=parts, keypoints=keypoints, action="walk")


def _turn(angle: float) -> np.ndarray:
    """Rotation about the line of sight; of a positive angle what hangs down goes to the left."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
