"""IDF1 and switches of an example worked out by hand."""

import math

import numpy as np
import pytest

from multiposenet.evaluation.identity import IdentityScore
from multiposenet.skeleton import COCO_17

PLACES = {"A": 100.0, "B": 400.0, "far": 900.0}


def points(*places):
    return np.array([np.full((17, 2), PLACES[place]) for place in places]).reshape(-1, 17, 2)


def frame(figures, persons, found):
    """Persons by name; what was found as (place, track)."""
    labels = np.concatenate([points(*persons), np.full((len(persons), 17, 1), 2)], axis=-1)
    areas = np.full(len(persons), 2500.0)
    places, tracks = zip(*found, strict=True) if found else ((), ())
    figures.update(labels, areas, list(persons), points(*places), list(tracks))


def test_two_people_who_are_taken_for_each_other():
    """Tracks 1 and 2 change places behind the second frame; in the fourth B is missed and there is
    a ghost. 8 persons and 8 poses; A is with 1 twice and with 2 twice, B with 2 twice and with 1
    once: at best 1 is A and 2 is B, in 4 frames. 7 poses are right, whatever their ids."""
    figures = IdentityScore(COCO_17.sigmas)
    for _ in range(2):
        frame(figures, "AB", [("A", 1), ("B", 2)])
    frame(figures, "AB", [("B", 1), ("A", 2)])
    frame(figures, "AB", [("A", 2), ("far", 3)])
    assert figures.result() == {
        "identity/IDF1": 2 * 4 / (8 + 8),
        "identity/IDP": 4 / 8,
        "identity/IDR": 4 / 8,
        "identity/MOTA": 1 - (1 + 1 + 2) / 8,
        "identity/switches": 2,
    }


def test_somebody_who_is_missed_for_a_while_keeps_the_id():
    figures = IdentityScore(COCO_17.sigmas)
    for found in ([("A", 1)], [], [("A", 1)], [("A", 4)]):
        frame(figures, "A", found)
    found = figures.result()
    assert found["identity/switches"] == 1
    assert found["identity/IDF1"] == pytest.approx(2 * 2 / (4 + 3))


def test_two_poses_on_one_person():
    """The one that was the person's stays so; the other is wrong."""
    figures = IdentityScore(COCO_17.sigmas)
    frame(figures, "A", [("A", 1)])
    frame(figures, "A", [("A", 2), ("A", 1)])
    assert figures.result()["identity/switches"] == 0
    assert figures.result()["identity/MOTA"] == 1 - 1 / 2


def test_ids_of_two_videos_have_nothing_in_common():
    figures = IdentityScore(COCO_17.sigmas)
    frame(figures, "A", [("A", 1)])
    figures.new_video()
    frame(figures, "A", [("A", 2)])
    assert figures.result()["identity/IDF1"] == 1 and figures.result()["identity/switches"] == 0


def test_nobody_at_all():
    figures = IdentityScore(COCO_17.sigmas)
    frame(figures, "", [])
    assert math.isnan(figures.result()["identity/IDF1"])
