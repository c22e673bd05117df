"""Figures that walk: lengths of limbs stay, legs and arms swing against each other."""

import numpy as np
import pytest

from multiposenet.training.datasets import figure, gait

LIMBS = [("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")]


def length(one, side, limb):
    start, end = (one.keypoints[f"{side}_{end}"] for end in limb)
    return np.linalg.norm(end - start)


@pytest.mark.parametrize("view", ["left", "right"])
def test_a_step(view):
    drawn = figure.draw(np.random.default_rng(0), view, "stand")
    forward = {"left": -1, "right": 1}[view]
    way = {}
    for name, phase in (("left", np.pi / 2), ("right", -np.pi / 2)):  # the leg that is in front
        one = gait.step(drawn, phase)
        assert one.action == "walk" and drawn.action == "stand"
        for side in ("left", "right"):
            for limb in LIMBS:
                assert length(one, side, limb) == pytest.approx(length(drawn, side, limb))
        places = {key: forward * one.keypoints[key][0] for key in one.keypoints}
        way[name] = places["left_ankle"] - places["right_ankle"]
        moved = {key: places[key] - forward * drawn.keypoints[key][0] for key in places}
        assert (moved["left_ankle"] > 0) == (moved["left_wrist"] < 0) == (name == "left")
        assert moved["nose"] == 0
    assert way["left"] - way["right"] > 0.5  # heights of the person
    np.testing.assert_allclose(
        gait.step(drawn, 1.0).keypoints["left_knee"],
        gait.step(drawn, 1.0 + 2 * np.pi).keypoints["left_knee"],
    )


def test_feet_go_as_fast_as_the_person():
    """Two steps, of a leg's length each way, are one turn."""
    assert gait.phase(4 * 0.5 * np.sin(0.5)) == pytest.approx(2 * np.pi)


def test_parts_move_with_their_keypoints():
    drawn = figure.draw(np.random.default_rng(1), "right", "stand")
    one = gait.step(drawn, 0.7)
    ends = {part.name: part.points for part in one.parts}
    np.testing.assert_allclose(ends["left_shin"][0], one.keypoints["left_knee"])
    np.testing.assert_allclose(ends["left_shin"][1], one.keypoints["left_ankle"])
    np.testing.assert_allclose(ends["right_forearm"][1], one.keypoints["right_wrist"])
