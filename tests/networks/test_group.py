"""`group` of every assigner: the keypoints and boxes of any detector."""

import itertools

import numpy as np
import pytest

from multiposenet.maths import matching
from multiposenet.networks.pose_residual_network import (
    Max,
    NearestCentre,
    PoseResidualNetwork,
    UnaryConditionalRelationship,
)

BOXES = [[0, 0, 40, 80], [100, 0, 140, 80]]
# Keypoint 0 has candidates in both boxes and far away, 1 in the second box only, 2 none.
KEYPOINTS = [
    [[20, 10, 0.5], [120, 12, 0.9], [300, 300, 1.0]],
    [[118, 40, 0.7]],
    [],
]


def assigners():
    return [
        PoseResidualNetwork(3, nodes=4),
        UnaryConditionalRelationship(3),
        Max(),
        NearestCentre(),
    ]


@pytest.mark.parametrize("assigner", assigners(), ids=lambda a: a.name)
def test_every_assigner_groups(assigner):
    found = assigner.group(BOXES, KEYPOINTS)
    np.testing.assert_array_equal(found.index, [[0, -1, -1], [1, 0, -1]])
    np.testing.assert_allclose(
        found.keypoints[[0, 1, 1], [0, 0, 1]], [[20, 10], [120, 12], [118, 40]]
    )
    np.testing.assert_allclose(found.keypoint_scores, [[0.5, 0, 0], [0.9, 0.7, 0]], rtol=1e-6)
    assert found.keypoints.shape == (2, 3, 2) and found.scores.shape == (2,)
    # Where nothing was found the place is a guess inside the box.
    assert 100 <= found.keypoints[1, 2, 0] <= 140
    weighted = found.probabilities * found.keypoint_scores
    np.testing.assert_allclose(found.scores, weighted.sum(axis=1) / [1, 2], rtol=1e-5)
    assert np.all((found.probabilities > 0) == (found.index >= 0))


def test_forms_of_input_agree():
    padded = np.zeros((3, 3, 3))
    padded[0], padded[1, :1] = KEYPOINTS[0], KEYPOINTS[1]
    one = Max().group(np.array(BOXES, "float32"), KEYPOINTS)
    batch = Max().group([BOXES, BOXES], [KEYPOINTS, padded])
    for single, several, whole in zip(one, batch, Max().group([BOXES], padded[None]), strict=True):
        for row in (*several, whole[0]):
            np.testing.assert_array_equal(single, row)
    bare = Max().group(BOXES, [np.array(KEYPOINTS[0])[:, :2], [], []])
    np.testing.assert_array_equal(bare.keypoint_scores[:, 0], 1)


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4)), BOXES])
def test_nobody_and_nothing(boxes):
    found = Max().group(boxes, [[], [], []])
    assert found.keypoints.shape == (len(boxes), 3, 2) and not found.scores.any()
    assert Max().group([], KEYPOINTS).index.shape == (0, 3)
    assert np.isfinite(found.keypoints).all()


@pytest.mark.parametrize(
    ("boxes", "keypoints", "words"),
    [
        ([[0, 0, 9]], KEYPOINTS, r"boxes: shape \(1, 3\)"),
        ([[9, 0, 0, 9]], KEYPOINTS, r"boxes: row \(0,\) .*x1, y1, x2, y2"),
        ([[0, 0, 9, np.nan]], KEYPOINTS, "boxes: not finite"),
        ("people", KEYPOINTS, "boxes: not an array"),
        (BOXES, KEYPOINTS[:2], "keypoints: 2 keypoints; this assigner has 3"),
        (BOXES, [[[1, 2, 3, 4]], [], []], r"keypoint 0: shape \(1, 4\)"),
        (BOXES, [[], [[1, 2, 87]], []], "keypoint 1: scores reach 87 to 87; scale"),
        (BOXES, [[], [], [[1, np.inf, 1]]], "keypoint 2: not finite"),
        ([BOXES], [KEYPOINTS, KEYPOINTS], "keypoints: 2 images, but boxes are of 1"),
    ],
)
def test_bad_input(boxes, keypoints, words):
    with pytest.raises(ValueError, match=words):
        UnaryConditionalRelationship(3).group(boxes, keypoints)


def test_unknown_exclusive():
    with pytest.raises(ValueError, match="exclusive: 'best'; give None or one of: 'greedy'"):
        Max().group(BOXES, KEYPOINTS, exclusive="best")


@pytest.mark.parametrize("method", ["greedy", "optimal"])
def test_one_keypoint_serves_one_person(method):
    boxes = [[0, 0, 40, 80], [10, 0, 50, 80]]
    keypoints = [[[22, 40, 1.0], [44, 40, 1.0]]]
    assigner = UnaryConditionalRelationship(1)
    assigner.prior.assign(np.full((56, 36, 1), 9.0))
    shared = assigner.group(boxes, keypoints)
    np.testing.assert_array_equal(shared.index[:, 0], [0, 0])
    single = assigner.group(boxes, keypoints, exclusive=method)
    assert sorted(single.index[:, 0]) == [0, 1]


def test_a_candidate_that_belongs_to_nobody_stays_free():
    assigner = UnaryConditionalRelationship(1)
    assigner.prior.assign(np.full((56, 36, 1), 0.2))  # log odds below 0
    given = assigner.group(BOXES, [[[20, 10, 1.0]]], exclusive="optimal")
    assert (given.index == 0).sum() == 1  # by default somebody gets it
    found = assigner.group(BOXES, [[[20, 10, 1.0]]], exclusive="optimal", unassigned=0.0)
    np.testing.assert_array_equal(found.index, [[-1], [-1]])
    np.testing.assert_array_equal(found.keypoint_scores, 0)


def random_odds(rng):
    odds = rng.normal(0, 3, rng.integers(1, 5, 2))
    odds[rng.random(odds.shape) < 0.3] = -np.inf
    return odds


def total(odds, chosen, none):
    return sum(odds[n, p] if p >= 0 else none for n, p in enumerate(chosen))


@pytest.mark.parametrize("none", [0.0, -1.5, -1000.0])
def test_optimal_against_all_assignments(none):
    rng = np.random.default_rng(0)
    for _ in range(60):
        odds = random_odds(rng)
        people, candidates = odds.shape
        best = max(
            total(odds, choice, none)
            for choice in itertools.product(range(-1, candidates), repeat=people)
            if len({p for p in choice if p >= 0}) == sum(p >= 0 for p in choice)
        )
        chosen = matching.optimal(odds, none)
        assert total(odds, chosen, none) == pytest.approx(best)
        taken = chosen[chosen >= 0]
        assert len(set(taken)) == len(taken)
        greedy = matching.greedy(odds, none)
        assert total(odds, greedy, none) <= best + 1e-9


def test_optimal_without_none_gives_away_all_it_can():
    odds = np.array([[5.0, -9.0], [4.0, -np.inf]])
    np.testing.assert_array_equal(matching.optimal(odds, -np.inf), [1, 0])
    np.testing.assert_array_equal(matching.optimal(odds), [0, -1])
    np.testing.assert_array_equal(matching.greedy(odds, -np.inf), [0, -1])
    impossible = np.full((2, 3), -np.inf)
    for none in (0.0, -np.inf):
        np.testing.assert_array_equal(matching.optimal(impossible, none), [-1, -1])
        np.testing.assert_array_equal(matching.greedy(impossible, none), [-1, -1])
