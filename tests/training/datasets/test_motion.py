"""Figures in motion: who is where when, who hides whom, and what a detector makes of it."""

import numpy as np
import pytest

from multiposenet.training.datasets import motion


@pytest.fixture(scope="module")
def moments():
    return list(motion.walk(np.random.default_rng(0), 30, size=(120, 240)))


def test_people_cross_and_hide_each_other(moments):
    assert [moment.time for moment in moments] == [number / motion.RATE for number in range(30)]
    ends = [dict(zip(m.persons.tolist(), m.boxes[:, 0], strict=True)) for m in moments]
    assert ends[3][0] < ends[3][1] and ends[-4][0] > ends[-4][1]
    shown = [dict(zip(m.persons.tolist(), m.shown, strict=True)) for m in moments]
    assert min(one.get(0, 0) for one in shown) < 0.7  # behind the other one
    assert min(one[1] for one in shown[5:-5]) > 0.95
    for moment in moments:
        hidden = moment.keypoints[moment.keypoints[..., 2] == 2][:, :2]
        assert (hidden >= 0).all() and (hidden < (240, 120)).all()


def test_people_leave_and_come_back():
    there = [
        set(moment.persons.tolist())
        for moment in motion.walk(np.random.default_rng(0), 60, size=(120, 240), returns=True)
    ]
    for person in (0, 1):
        gone = [number for number, persons in enumerate(there) if person not in persons]
        assert 5 < len(gone) < 40
        assert any(person in persons for persons in there[: min(gone)])
        assert any(person in persons for persons in there[min(gone) :])


def test_a_detector_with_faults(moments):
    rng = np.random.default_rng(0)
    found = [motion.seen(moment, rng) for moment in moments]
    assert 40 <= sum(map(len, found)) <= 65 and all(p.image_size == (120, 240) for p in found)
    near = [
        np.linalg.norm(poses.keypoints[:, None] - m.keypoints[None, ..., :2], axis=-1).mean(-1)
        for poses, m in zip(found, moments, strict=True)
        if len(poses)
    ]
    assert np.median(np.concatenate([distance.min(-1) for distance in near])) < 3


def test_pictures_show_the_people():
    options = {"frames": 9, "size": (96, 160), "pictures": True}
    film = list(motion.walk(np.random.default_rng(1), **options))
    again = list(motion.walk(np.random.default_rng(1), **options))
    assert all((a.image == b.image).all() for a, b in zip(film, again, strict=True))
    assert film[0].image.shape == (96, 160, 3) and film[0].image.dtype == np.uint8
    for before, after in zip(film, film[1:], strict=False):
        changed = (np.abs(before.image.astype(int) - after.image) > 40).any(-1)
        x1, y1 = np.min([*before.boxes, *after.boxes], axis=0)[:2].astype(int)
        x2, y2 = np.max([*before.boxes, *after.boxes], axis=0)[2:].astype(int)
        assert changed.any() and changed[y1:y2, x1:x2].sum() == changed.sum()
    moved = film[4].keypoints - film[3].keypoints
    assert np.ptp(moved[0, :, 0]) > 1  # legs and arms do not go along like a board
    assert next(motion.walk(np.random.default_rng(1), 2)).image is None
