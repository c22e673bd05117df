"""MPII's measures: by hand, against loops, and on real labels with noise of known size."""

import json
import math

import numpy as np
import pytest
from group_loops import slow_keypoint_ap

from multiposenet.evaluation import mpii
from multiposenet.poses import Poses
from multiposenet.skeleton import MPII_16
from multiposenet.training.datasets import mpii as reader

INDEX = [MPII_16.index(name) for name in mpii.KEYPOINTS]
PARTS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
PAIR = {part: [MPII_16.index(f"{side}_{part}") for side in ("right", "left")] for part in PARTS[1:]}
PAIR["head"] = [MPII_16.index("upper_neck"), MPII_16.index("head_top")]


def poses_of(places, sure=None):
    count = len(places)
    sure = np.ones((count, 16)) if sure is None else sure
    box = np.zeros((count, 4))
    return Poses(box, np.ones(count), places, sure, np.ones(count), MPII_16, (500, 500))


def labels_of(rng, count):
    labels = np.concatenate([rng.uniform(0, 300, (count, 16, 2)), np.full((count, 16, 1), 2)], 2)
    labels[rng.random((count, 16)) < 0.2] = 0
    return labels


def test_keypoints():
    assert len(mpii.KEYPOINTS) == 14
    assert set(MPII_16.keypoints) - set(mpii.KEYPOINTS) == {"pelvis", "thorax"}


def slow_pckh(predictions, labels, sizes, indices, threshold):
    right = seen = 0
    for person, size in enumerate(sizes):
        for keypoint in indices:
            if not size > 0 or labels[person, keypoint, 2] == 0:
                continue
            seen += 1
            gap = math.dist(predictions[person, keypoint], labels[person, keypoint, :2])
            right += gap <= threshold * size  # False for NaN
    return right / seen


def test_single_person_equals_the_loop():
    rng = np.random.default_rng(0)
    labels = labels_of(rng, 20)
    predictions = labels[:, :, :2] + rng.normal(0, 10, (20, 16, 2))
    predictions[rng.random((20, 16)) < 0.1] = np.nan
    sizes = rng.uniform(20, 60, 20)
    sizes[0], sizes[1] = np.nan, 0

    def slow(indices, threshold=0.5):
        return slow_pckh(predictions, labels, sizes, indices, threshold)

    figures = mpii.single_person(predictions, labels, sizes)
    for part in PARTS:
        expected = (slow(PAIR[part][:1]) + slow(PAIR[part][1:])) / 2
        assert figures[f"pckh/{part}"] == pytest.approx(expected)
    limbs = [keypoint for part in ("shoulder", "elbow", "wrist") for keypoint in PAIR[part]]
    assert figures["pckh/upper_body"] == pytest.approx(slow(limbs))
    assert figures["pckh/total"] == pytest.approx(slow(INDEX))
    area = 0.0
    for step in range(50):
        low, high = step / 100, (step + 1) / 100
        area += 0.01 * (slow(INDEX, low) + slow(INDEX, high)) / 2
    assert figures["pckh/AUC"] == pytest.approx(area / 0.5)


def test_single_person_by_hand():
    labels = np.zeros((1, 16, 3))
    labels[0, :, 2] = 2
    places = np.zeros((1, 16, 2))
    places[0, MPII_16.index("left_knee")] = 30, 40  # half a head away: right, and just so
    places[0, MPII_16.index("left_hip")] = 30.1, 40
    places[0, MPII_16.index("pelvis")] = 999, 999  # not measured
    figures = mpii.single_person(places, labels, mpii.head_sizes([[0, 0, 100, 400 / 3]]))
    assert (figures["pckh/knee"], figures["pckh/hip"]) == (1, 0.5)
    assert figures["pckh/total"] == pytest.approx(13 / 14)
    # Twelve keypoints are right at every threshold, one more at the last, of the fifty steps.
    assert figures["pckh/AUC"] == pytest.approx((12 + 0.5 / 50) / 14)
    assert mpii.single_person(places, labels * 0, [100])["pckh/total"] == -1


def test_pckh_of_real_labels_with_noise_is_as_expected(data_dir):
    path = data_dir / "mpii_labels/mpii_valid.json"
    rows = json.loads(path.read_text())
    labels = np.concatenate(
        [np.array([r["joints"] for r in rows], float), np.array([[[v] for v in r["joints_vis"]]
                                                                 for r in rows], float)], axis=2
    )  # fmt: skip
    sizes = 25 * np.array([row["scale"] for row in rows])  # about MPII's heads
    noise = np.random.default_rng(1).normal(0, 0.4, (len(rows), 16, 2)) * sizes[:, None, None]
    figures = mpii.single_person(labels[..., :2] + noise, labels, sizes)
    # The distance follows Rayleigh's law: within t with probability 1 - exp(-t^2 / (2 * 0.4^2)).
    spread = 1 / math.sqrt(labels[:, INDEX, 2].sum())
    law = [1 - math.exp(-((step / 100) ** 2) / 0.32) for step in range(51)]
    assert figures["pckh/total"] == pytest.approx(law[-1], abs=2 * spread)
    area = sum((a + b) / 2 for a, b in zip(law, law[1:], strict=False)) / 50
    assert figures["pckh/AUC"] == pytest.approx(area, abs=2 * spread)


def test_multi_person_by_hand():
    labels = np.zeros((2, 16, 3))
    labels[0, :, 0], labels[1, :, 0] = 10, 210
    labels[:, :, 1], labels[:, :, 2] = np.arange(16) * 20, 2
    places = labels[[0, 1, 0], :, :2].copy()
    places[0, PAIR["wrist"][0], 0] = 999  # one wrist of the first person's pose is far off
    places[2, :, 0] = 400  # nobody there
    sure = np.array([[0.9], [0.8], [0.7]]) * np.ones(16)
    figures = mpii.multi_person([mpii.people(labels, [20, 20], poses_of(places, sure))])
    # Of that keypoint one of two is found, second in rank: half of the recall at 1/2.
    expected = {f"mpii/{part}": 1.0 for part in PARTS} | {"mpii/wrist": (1 + 1 / 4) / 2}
    expected["mpii/upper_body"] = (7 + 1 / 4) / 8
    expected["mpii/total"] = (13 + 1 / 4) / 14
    assert figures == pytest.approx(expected)
    sure[2] = 0.95  # the ghost comes first now: 2/3 for the others, 1/3 x 1/2 for that wrist
    figures = mpii.multi_person([mpii.people(labels, [20, 20], poses_of(places, sure))])
    assert figures["mpii/knee"] == pytest.approx(2 / 3)
    assert figures["mpii/wrist"] == pytest.approx((2 / 3 + 1 / 6) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_multi_person_equals_the_loops(seed):
    rng = np.random.default_rng(seed)
    groups, lists = [], []
    for _ in range(15):
        labels = labels_of(rng, rng.integers(1, 5))
        sizes = rng.uniform(20, 60, len(labels))
        poses = rng.integers(0, 6)
        places = labels[rng.integers(0, len(labels), poses), :, :2]
        places = places + rng.normal(0, 12, places.shape)
        sure = rng.uniform(0, 1, (poses, 16)).astype(np.float32)
        sure[rng.random((poses, 16)) < 0.1] = 0
        poses = poses_of(places, sure)
        groups.append(mpii.people(labels, sizes, poses))
        lists.append(
            {
                "truths": [[p[j, :2] if p[j, 2] else None for j in INDEX] for p in labels],
                "units": sizes,
                "predictions": [
                    [(*point[j], score[j]) if score[j] else None for j in INDEX]
                    for point, score in zip(poses.keypoints, poses.keypoint_scores, strict=True)
                ],
            }
        )
    figures = mpii.multi_person(groups)
    keypoints = dict(zip(mpii.KEYPOINTS, slow_keypoint_ap(lists), strict=True))
    for part in PARTS:
        pair = [keypoints[MPII_16.keypoints[keypoint]] for keypoint in PAIR[part]]
        assert figures[f"mpii/{part}"] == pytest.approx(sum(pair) / 2)
    assert figures["mpii/upper_body"] == pytest.approx(
        sum(figures[f"mpii/{part}"] for part in PARTS[:4]) / 4
    )
    assert figures["mpii/total"] == pytest.approx(sum(figures[f"mpii/{p}"] for p in PARTS) / 7)
    subset = mpii.multi_person(groups[3:8])
    part = dict(zip(mpii.KEYPOINTS, slow_keypoint_ap(lists[3:8]), strict=True))
    assert subset["mpii/total"] == pytest.approx(sum(part.values()) / 14)


def test_groups_of_other_keypoints():
    other = mpii.Group(
        np.zeros((1, 3, 2)), np.ones((1, 3)), [1], np.zeros((0, 3, 2)), np.ones((0, 3))
    )
    with pytest.raises(ValueError, match="people"):
        mpii.multi_person([other])


def test_region():
    places = np.zeros((5, 16, 2))
    places[:] = np.array([[100, 100], [149, 100], [151, 100], [100, 251], [100, 100]])[:, None]
    sure = np.ones((5, 16))
    sure[4] = 0
    # Bounds 100 to 100 by 100 to 200; the mean person is 200 x 1 tall, a quarter of that is 50.
    found = mpii.in_region(poses_of(places, sure), [[100, 100], [100, 200]], [100, 300])
    assert found.keypoints[:, 0, 0].tolist() == [100, 149]
    # The middle is that of the keypoints found.
    sure[2, 1:], places[2, 0] = 0, (120, 120)
    found = mpii.in_region(poses_of(places, sure), [[100, 100], [100, 200]], [100, 300])
    assert len(found) == 3
    assert len(mpii.in_region(poses_of(places[:0]), [[0, 0]], [200])) == 0


def test_real_samples_found_perfectly(data_dir):
    samples = reader.read(data_dir / "mpii_labels/samples", MPII_16)
    groups = []
    for sample in samples:
        found = poses_of(sample.keypoints[..., :2], sample.keypoints[..., 2])
        groups.append(mpii.people(sample.keypoints, sample.head_sizes, found))
        figures = mpii.single_person(found.keypoints, sample.keypoints, sample.head_sizes)
        assert figures["pckh/total"] == figures["pckh/AUC"] == 1
    figures = mpii.multi_person(groups)
    assert set(figures.values()) == {1.0}
