"""The matching and AP of keypoints on groups worked out by hand and against loops."""

import numpy as np
import pytest
from group_loops import slow_keypoint_ap

from multiposenet.evaluation.keypoint_precision import (
    Group,
    average_precision,
    by_part,
    judge,
    keypoint_average_precision,
)
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16

X = None


def group(truths, predictions, units=None):
    """A group of keypoints on a line: numbers are x, None is not there; scores are by pose."""

    def places(rows):
        return np.array([[(np.nan if x is None else x, 0) for x in row] for row in rows], float)

    keypoints = len((truths or predictions)[0])
    predicted = places([row for row, _ in predictions]).reshape(-1, keypoints, 2)
    marks = [np.broadcast_to(score, keypoints) for _, score in predictions]
    real = places(truths).reshape(-1, keypoints, 2)
    return Group(
        truths=real,
        labelled=~np.isnan(real[..., 0]),
        units=np.full(len(real), 10) if units is None else units,
        predictions=predicted,
        scores=np.array(marks, float).reshape(-1, keypoints),
    )


def test_a_pose_goes_to_the_person_of_whom_it_hits_most():
    # Pose 0 hits two keypoints of three of the first person and one of two of the second.
    one = group([[0, 20, 40], [0, 60, X]], [([5, 24, 60], 1)])
    assert judge(one).tolist() == [[True, True, False]]
    # One of one is more than two of three, though fewer.
    other = group([[0, 20, 40], [5, X, X]], [([5, 24, 60], 1)])
    assert judge(other).tolist() == [[True, False, False]]


def test_a_person_keeps_one_pose():
    # The second pose hits more, whatever the scores; what is left over is wrong also where it hits.
    both = group([[0, 20, 40]], [([0, 20, X], 9), ([0, 20, 40], 1)])
    assert judge(both).tolist() == [[False] * 3, [True] * 3]
    same = group([[0, 20, 40]], [([0, 20, 99], 1), ([0, 20, 99], 9)])
    assert judge(same).tolist() == [[True, True, False], [False] * 3]


def test_a_left_over_pose_does_not_take_the_next_person():
    # Both fit the first person best. The second pose also hits a keypoint of the second person.
    people = group([[0, 20, 40], [0, 80, 90]], [([0, 20, 40], 1), ([0, 20, 99], 1)])
    assert judge(people).tolist() == [[True] * 3, [False] * 3]


def test_limits():
    edge = group([[0, 0]], [([5, 5.01], 1)])
    assert judge(edge).tolist() == [[True, False]]
    for unit in (0, np.nan):
        assert not judge(group([[0, 0]], [([0, 0], 1)], units=[unit])).any()
    assert judge(group([[0, 0]], [])).shape == (0, 2)
    assert judge(group([], [([0, 0], 1)])).tolist() == [[False, False]]


def test_average_precision_by_hand():
    # Right, wrong, right of three: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3.
    assert average_precision([3, 2, 1], [1, 0, 1], 3) == pytest.approx(1 / 3 + 2 / 9)
    # Precision rises again and lifts what is before it: 0, 1/2, 2/3 of two.
    assert average_precision([1, 2, 3], [1, 1, 0], 2) == pytest.approx(2 / 3)
    assert average_precision([], [], 2) == 0
    assert np.isnan(average_precision([1], [0], 0))
    # Equal scores are taken in the order given.
    assert average_precision([1, 1], [0, 1], 1) == 0.5
    assert average_precision([1, 1], [1, 0], 1) == 1


def test_two_groups_by_hand():
    first = group([[0, 20], [100, X]], [([0, 99], 0.9), ([100, 120], 0.8)])
    second = group([[0, 20]], [([0, 20], 0.7), ([50, 60], 0.95)])
    # Keypoint 0: wrong .95, right .9, .8, .7 of three: 3/4 at every recall.
    # Keypoint 1: wrong .95, .9, and .8 (not labelled there), right .7, of two: 1/4 at half.
    np.testing.assert_allclose(keypoint_average_precision([first, second]), [3 / 4, 1 / 8])


def random_group(rng, keypoints=5):
    persons, poses = rng.integers(0, 5), rng.integers(0, 7)
    truths = rng.uniform(0, 60, (persons, keypoints, 2))
    labelled = rng.random((persons, keypoints)) < 0.8
    labelled[:, 3] = False
    units = rng.choice([0, np.nan, 8, 12, 20], persons, p=[0.05, 0.05, 0.3, 0.3, 0.3])
    origin = rng.integers(0, persons, poses) if persons else None
    predictions = truths[origin] if persons else rng.uniform(0, 60, (poses, keypoints, 2))
    predictions = predictions + rng.normal(0, 6, predictions.shape)
    predictions[rng.random((poses, keypoints)) < 0.2] = np.nan
    scores = rng.integers(0, 20, (poses, keypoints)) / 20  # ties too
    return Group(truths, labelled, units, predictions, scores)


def as_lists(group):
    return {
        "truths": [
            [tuple(point) if seen else None for point, seen in zip(*pair, strict=True)]
            for pair in zip(group.truths.tolist(), group.labelled.tolist(), strict=True)
        ],
        "units": group.units.tolist(),
        "predictions": [
            [
                None if np.isnan(point[0]) else (*point, score)
                for point, score in zip(*pair, strict=True)
            ]
            for pair in zip(group.predictions.tolist(), group.scores.tolist(), strict=True)
        ],
    }


@pytest.mark.parametrize("seed", range(8))
def test_random_groups_equal_the_loops(seed):
    rng = np.random.default_rng(seed)
    groups = [group([[0] * 5], []), *(random_group(rng) for _ in range(25))]
    for threshold in (0.5, 0.2):
        values = keypoint_average_precision(groups, threshold)
        lists = [as_lists(one) for one in groups]
        np.testing.assert_allclose(values, slow_keypoint_ap(lists, threshold), rtol=1e-12)
    assert 0 < np.nanmean(values) < 1


def test_keypoints_by_name():
    keypoints = ("upper_neck", "head_top", "left_wrist")
    labels = np.zeros((1, 16, 3))
    labels[0, MPII_16.index("upper_neck")] = 1, 2, 1
    labels[0, MPII_16.index("left_wrist")] = 3, 4, 2

    def poses(skeleton):
        count = skeleton.num_keypoints
        places = np.stack([np.arange(count), np.arange(count) + 50], axis=1)[None]
        sure = np.linspace(0.1, 0.9, count)[None]
        sure[0, skeleton.index("right_wrist")] = 0
        return Poses(np.zeros((1, 4)), [1], places, sure, [1], skeleton, (100, 100))

    found = Group.of_poses(labels, MPII_16, [10], poses(COCO_17), keypoints)
    assert found.labelled.tolist() == [[True, False, True]]
    assert found.truths[0, 2].tolist() == [3, 4]
    wrist = COCO_17.index("left_wrist")
    assert np.isnan(found.predictions[0, :2]).all()
    assert found.predictions[0, 2].tolist() == [wrist, wrist + 50]
    assert found.scores[0].tolist() == pytest.approx([0, 0, 0.1 + 0.8 * wrist / 16])
    # LSP's neck is MPII's upper neck; a keypoint with score 0 was not found.
    other = Group.of_poses(labels, MPII_16, [10], poses(LSP_14), ("upper_neck", "right_wrist"))
    assert other.predictions[0, 0, 0] == LSP_14.index("neck")
    assert np.isnan(other.predictions[0, 1]).all()


def test_parts():
    parts = {"a": ("x", "y"), "b": ("y", "z"), "c": ("y",)}
    values = np.array([0.2, np.nan, 0.6])
    assert by_part(values, ("x", "y", "z"), parts) == {"a": 0.2, "b": 0.6, "c": -1}


@pytest.mark.parametrize(
    "field, value",
    [("units", np.zeros(3)), ("labelled", np.ones((1, 3))), ("scores", np.full((1, 2), np.nan))],
)
def test_groups_that_do_not_fit(field, value):
    fields = {
        "truths": np.zeros((1, 2, 2)),
        "labelled": np.ones((1, 2)),
        "units": np.ones(1),
        "predictions": np.zeros((1, 2, 2)),
        "scores": np.ones((1, 2)),
    }
    with pytest.raises(ValueError, match=field):
        Group(**{**fields, field: value})


def test_no_group():
    with pytest.raises(ValueError, match="none"):
        keypoint_average_precision([])
