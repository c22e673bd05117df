"""WAF's AP: heads and keypoints by hand, and random photos against loops."""

import math

import numpy as np
import pytest
from group_loops import slow_keypoint_ap

from multiposenet.evaluation import waf
from multiposenet.evaluation.keypoint_precision import Group
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16
from multiposenet.training.datasets import waf as reader

INDEX = [LSP_14.index(name) for name in waf.KEYPOINTS]
NECK, TOP = LSP_14.index("neck"), LSP_14.index("head_top")
LEGS = [j for j, name in enumerate(LSP_14.keypoints) if name.endswith(("hip", "knee", "ankle"))]


def poses_of(places, sure=None, skeleton=LSP_14):
    count = len(places)
    sure = np.ones(places.shape[:2]) if sure is None else sure
    box = np.zeros((count, 4))
    return Poses(box, np.ones(count), places, sure, np.ones(count), skeleton, (400, 400))


def person(left, head=30):
    """Keypoints on a line down, the head above."""
    labels = np.zeros((14, 3))
    labels[INDEX] = [(left, 40 * place, 2) for place in range(8)]
    labels[TOP, :2] = labels[NECK, :2] + (0, -head)
    return labels


def test_keypoints():
    assert sorted(INDEX + LEGS) == list(range(14))


def test_heads():
    labels = np.stack([person(0, 30), person(100, 50), person(200), person(300, 0)])
    labels[2, NECK, 2] = 0
    assert waf.head_lengths(labels).tolist() == [30, 50, 40, 40]
    assert np.isnan(waf.head_lengths(labels[2:])).all()
    assert waf.head_lengths(labels[:0]).shape == (0,)


def test_people_found_and_not():
    labels = np.stack([person(0), person(100)])
    places = labels[:, :, :2].copy()
    places[1, LSP_14.index("left_elbow"), 0] += 15.1  # half a head is 15
    figures = waf.evaluate([waf.people(labels, poses_of(places))])
    # One elbow of two people is found, in first place: AP 1/2 for the left one.
    expected = {"waf/head": 1, "waf/shoulder": 1, "waf/elbow": 0.75, "waf/wrist": 1}
    assert figures == pytest.approx(expected | {"waf/total": 15 / 16})
    # As many photos more on which nobody is found.
    figures = waf.evaluate([waf.people(labels, poses_of(p)) for p in (places, places[:0])])
    assert figures["waf/wrist"] == 0.5
    # People of whom no head is labelled cannot be hit.
    labels[:, TOP] = 0
    figures = waf.evaluate([waf.people(labels, poses_of(places))])
    assert figures["waf/total"] == 0
    labels[:] = 0
    assert set(waf.evaluate([waf.people(labels, poses_of(places))]).values()) == {-1}


def test_models_of_other_skeletons():
    labels = person(0)[None]
    for skeleton, head in ((MPII_16, 1), (COCO_17, 0)):
        places = np.zeros((1, skeleton.num_keypoints, 2))
        names = ["upper_neck" if n == "neck" and head else n for n in waf.KEYPOINTS]
        for keypoint, name in zip(INDEX, names, strict=True):
            if name in skeleton.keypoints:
                places[0, skeleton.index(name)] = labels[0, keypoint, :2]
        figures = waf.evaluate([waf.people(labels, poses_of(places, skeleton=skeleton))])
        assert (figures["waf/head"], figures["waf/wrist"]) == (head, 1)


@pytest.mark.parametrize("seed", range(3))
def test_random_photos_equal_the_loops(seed):
    rng = np.random.default_rng(seed)
    groups, lists = [], []
    for _ in range(20):
        count = rng.integers(1, 6)
        labels = np.concatenate(
            [rng.uniform(0, 200, (count, 14, 2)), np.full((count, 14, 1), 2)], 2
        )
        labels[:, TOP, :2] = labels[:, NECK, :2] + rng.uniform(20, 40, (count, 2))
        labels[rng.random((count, 14)) < 0.2] = 0
        labels[:, LEGS] = 0
        made = rng.integers(0, 7)
        places = labels[rng.integers(0, count, made), :, :2]
        places = places + rng.normal(0, 9, places.shape)
        sure = rng.uniform(0.1, 1, (made, 14)).astype(np.float32)
        poses = poses_of(places, sure)
        groups.append(waf.people(labels, poses))
        lengths = [
            math.dist(p[NECK, :2], p[TOP, :2]) if p[NECK, 2] and p[TOP, 2] else None for p in labels
        ]
        known = [length for length in lengths if length]
        mean = sum(known) / len(known) if known else math.nan
        lists.append(
            {
                "truths": [[p[j, :2] if p[j, 2] else None for j in INDEX] for p in labels],
                "units": [length or mean for length in lengths],
                "predictions": [
                    [(*point[j], score[j]) for j in INDEX]
                    for point, score in zip(poses.keypoints, poses.keypoint_scores, strict=True)
                ],
            }
        )
    keypoints = slow_keypoint_ap(lists)
    figures = waf.evaluate(groups)
    for place, part in enumerate(("head", "shoulder", "elbow", "wrist")):
        assert figures[f"waf/{part}"] == pytest.approx(
            sum(keypoints[2 * place : 2 * place + 2]) / 2
        )
    assert figures["waf/total"] == pytest.approx(sum(keypoints) / 8)
    assert 0.05 < figures["waf/total"] < 0.95


def test_labels_as_the_reader_gives_them(tmp_path):
    from PIL import Image

    (tmp_path / "data").mkdir()
    (tmp_path / "images").mkdir()
    Image.new("RGB", (300, 200)).save(tmp_path / "images" / "a.jpg")
    sticks = []
    for x in (60, 200):  # torso, upper arms, lower arms, head; the person's left is on the right
        sticks += [(x, 80, x, 150), (x + 20, 85, x + 25, 120), (x - 20, 85, x - 25, 120)]
        sticks += [(x + 25, 120, x + 30, 150), (x - 25, 120, x - 30, 150), (x, 40, x, 80)]
    rows = [" ".join(map(str, stick)) for stick in sticks]
    (tmp_path / "data" / "waf_sticks.txt").write_text("\n".join(["a.jpg 2 6", *rows]) + "\n")
    (sample,) = reader.read(tmp_path, LSP_14)
    assert waf.head_lengths(sample.keypoints).tolist() == [40, 40]
    found = poses_of(sample.keypoints[..., :2] + (19, 0))
    assert set(waf.evaluate([waf.people(sample.keypoints, found)]).values()) == {1.0}
    found = poses_of(sample.keypoints[..., :2] + (0, 21))
    assert waf.evaluate([waf.people(sample.keypoints, found)])["waf/elbow"] == 0


def test_groups_of_other_keypoints():
    other = Group(np.zeros((1, 3, 2)), np.ones((1, 3)), [1], np.zeros((0, 3, 2)), np.ones((0, 3)))
    with pytest.raises(ValueError, match="people"):
        waf.evaluate([other])
