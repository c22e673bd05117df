"""Pose NMS, OKS-NMS and overlap of keypoints against plain loops over their formulas."""

import json

import numpy as np
import pytest
import suppression_loops as loops
import suppression_speed as speed

from multiposenet.errors import InputError
from multiposenet.maths.suppression import (
    PoseNMSParameters,
    keypoint_overlap_nms,
    oks_nms,
    pose_nms,
    soft_oks_nms,
)
from multiposenet.skeleton import COCO_17

SIGMAS = COCO_17.sigmas


def values(parameters):
    return parameters.sigma1, parameters.sigma2, parameters.distance_weight, parameters.eta


def one_pose(rng=None):
    """A pose all of whose keypoints are found, in a box of 100 x 200."""
    rng = rng or np.random.default_rng(0)
    keypoints = rng.uniform(0, 1, (1, 17, 2)) * (100, 200)
    return keypoints, np.full((1, 17), 0.9), np.ones(1), np.array([[0.0, 0, 100, 200]])


def two(moved, **changes):
    """A pose, and the same pose of a lower score after `moved(keypoints)`."""
    keypoints, found, _, boxes = one_pose()
    pair = {
        "keypoints": np.concatenate([keypoints, moved(keypoints)]),
        "keypoint_scores": np.repeat(found, 2, axis=0),
        "scores": np.array([0.9, 0.8]),
        "boxes": np.repeat(boxes, 2, axis=0),
    }
    return tuple((pair | changes).values())


@pytest.mark.parametrize("seed", range(8))
def test_pose_nms_equals_the_loop(seed):
    rng = np.random.default_rng(seed)
    poses = loops.candidates(rng, rng.integers(1, 12), rng.integers(1, 8), scores=seed % 3 * 5)
    chosen = PoseNMSParameters(
        rng.uniform(0.05, 1), 10 ** rng.uniform(-4, -1), rng.uniform(0, 3), rng.uniform(1, 20)
    )
    kept = pose_nms(*poses, chosen)
    assert kept.tolist() == loops.pose_nms(*poses, *values(chosen))
    assert kept.dtype == np.int64


def test_the_random_poses_put_pose_nms_to_the_test():
    poses = loops.candidates(np.random.default_rng(0), 10, 8)
    counts = [len(pose_nms(*poses, PoseNMSParameters(eta=eta))) for eta in (1, 5, 15, 25, 40)]
    assert counts == sorted(counts) and len(set(counts)) >= 4 and counts[-1] == 80


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", (0.2, 0.5, 0.8))
def test_oks_nms_equals_the_loop(seed, threshold):
    poses = loops.candidates(np.random.default_rng(seed), 6, 6, scores=seed % 3 * 5)
    kept = oks_nms(*poses, SIGMAS, threshold)
    assert kept.tolist() == loops.oks_nms(*poses, threshold)
    assert 6 <= len(kept) < 36


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("width, minimum", ((0.5, 0.001), (0.1, 0.2), (2.0, 0.0)))
def test_soft_oks_nms_equals_the_loop(seed, width, minimum):
    poses = loops.candidates(np.random.default_rng(seed), 5, 6, scores=seed % 3 * 5)
    kept, scores = soft_oks_nms(*poses, SIGMAS, width, minimum)
    expected = loops.soft_oks_nms(*poses, width, minimum)
    assert kept.tolist() == expected[0]
    np.testing.assert_allclose(scores, expected[1], rtol=1e-4)
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_keypoint_overlap_nms_equals_the_loop(seed):
    rng = np.random.default_rng(seed)
    poses = loops.candidates(rng, 6, 6, scores=seed % 3 * 5)
    radius, share = rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.9)
    kept = keypoint_overlap_nms(*poses, radius, share)
    assert kept.tolist() == loops.keypoint_overlap_nms(*poses, radius, share)
    assert 6 <= len(kept) < 36


def test_the_sign_of_equation_9():
    """d is a similarity: a copy goes and a stranger stays, although eq. 9 reads the reverse."""
    copy, stranger = two(lambda pose: pose), two(lambda pose: pose + (5000, 0))
    assert pose_nms(*copy).tolist() == [0]
    assert pose_nms(*stranger).tolist() == [0, 1]
    # A copy has d = K tanh(0.9 / 1)^2 + lambda K with sigma1 = 1, and goes exactly from there on.
    d = 17 * np.tanh(0.9) ** 2 + 0.5 * 17
    for eta, expected in ((d - 1e-3, [0]), (d + 1e-3, [0, 1])):
        chosen = PoseNMSParameters(sigma1=1, sigma2=0.01, distance_weight=0.5, eta=eta)
        assert pose_nms(*copy, chosen).tolist() == expected


def test_keypoints_match_within_a_tenth_of_the_longer_side():
    only_matches = PoseNMSParameters(sigma1=1e-3, sigma2=0.01, distance_weight=0, eta=16.9)
    for direction in ((1, 0), (0, -1), (1, 1)):  # a box, not a circle
        for step, expected in ((19.9, [0]), (20.1, [0, 1])):  # of 200
            keypoints, *others = two(lambda pose: pose)
            keypoints[1] += np.multiply(step, direction)
            assert pose_nms(keypoints, *others, only_matches).tolist() == expected


def test_distances_count_by_the_squared_size():
    # All keypoints 0.2 sizes away: H_sim = 17 exp(-0.04 / 0.02).
    poses, h_sim = two(lambda pose: pose + (0, 40)), 17 * np.exp(-2)
    for factor, expected in ((0.999, [0]), (1.001, [0, 1])):
        chosen = PoseNMSParameters(sigma1=1, sigma2=0.02, distance_weight=2, eta=factor * 2 * h_sim)
        assert pose_nms(*poses, chosen).tolist() == expected


RULES = {
    "pose": pose_nms,
    "oks": lambda *poses: oks_nms(*poses, SIGMAS),
    "soft oks": lambda *poses: soft_oks_nms(*poses, SIGMAS)[0],
    "overlap": keypoint_overlap_nms,
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@each_rule
@pytest.mark.parametrize("scale", (0.03, 0.5, 7.0))
def test_the_resolution_does_not_matter(rule, scale):
    keypoints, found, scores, boxes = loops.candidates(np.random.default_rng(3), 8, 6)
    expected = rule(keypoints, found, scores, boxes)
    moved = rule(keypoints * scale + 900, found, scores, boxes * scale + 900)
    assert moved.tolist() == expected.tolist()
    # In a photo as wide as a cinema screen, people still differ by thousandths of a pixel.
    far = rule(keypoints + 5e4, found, scores, boxes + 5e4)
    assert far.tolist() == expected.tolist()


@each_rule
def test_nobody_and_one(rule):
    nobody = np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0), np.zeros((0, 4))
    assert rule(*nobody).tolist() == [] and rule(*nobody).dtype == np.int64
    assert rule(*one_pose()).tolist() == [0]


@each_rule
def test_equal_scores_keep_their_order(rule):
    keypoints, found, _, boxes = loops.candidates(np.random.default_rng(4), 30, 1, missing=0)
    same = np.full(30, 0.5)
    far = keypoints + np.arange(30)[:, None, None] * 1e4
    boxes = boxes + np.arange(30)[:, None] * 1e4
    assert rule(far, found, same, boxes).tolist() == list(range(30))
    copies = (np.repeat(array[:1], 20, axis=0) for array in (keypoints, found, same, boxes))
    assert rule(*copies)[0] == 0


@each_rule
def test_missing_keypoints_do_not_count(rule):
    """Two halves of a person have no keypoint in common; where missing ones lie is no matter."""
    keypoints, found, scores, boxes = two(lambda pose: pose)
    found = found.copy()
    found[0, :8], found[1, 8:] = 0, -0.1
    assert sorted(rule(keypoints, found, scores, boxes)) == [0, 1]
    found[1] = 0.9
    misplaced = keypoints.copy()
    misplaced[0, :8] = 1e4
    expected = rule(keypoints, found, scores, boxes).tolist()
    assert rule(misplaced, found, scores, boxes).tolist() == expected
    nothing = np.zeros((2, 17))
    assert sorted(rule(keypoints, nothing, scores, boxes)) == [0, 1]


@each_rule
def test_a_person_without_size_is_only_like_its_copies(rule):
    keypoints = np.full((3, 17, 2), 40.0)
    keypoints[2] += 0.5
    boxes = np.full((3, 4), 40.0)
    kept = rule(keypoints, np.full((3, 17), 0.9), np.array([0.9, 0.8, 0.7]), boxes)
    assert 0 in kept and 2 in kept
    if rule is not RULES["soft oks"]:
        assert kept.tolist() == [0, 2]


@each_rule
@pytest.mark.parametrize("value", (np.nan, np.inf))
@pytest.mark.parametrize("name", ("keypoints", "keypoint_scores", "scores", "boxes"))
def test_numbers_that_are_not_finite(rule, name, value):
    arrays = dict(zip(("keypoints", "keypoint_scores", "scores", "boxes"), one_pose(), strict=True))
    arrays[name] = arrays[name].copy()
    arrays[name].flat[0] = value
    with pytest.raises(ValueError, match=f"^{name}: NaN or infinity"):
        rule(*arrays.values())


@each_rule
def test_shapes_that_do_not_fit(rule):
    keypoints, found, scores, boxes = one_pose()
    for name, arrays in {
        "keypoints": (keypoints[..., 0], found, scores, boxes),
        "keypoint_scores": (keypoints, found[:, :5], scores, boxes),
        "scores": (keypoints, found, scores[:, None], boxes),
        "boxes": (keypoints, found, scores, boxes[:, :3]),
    }.items():
        with pytest.raises(ValueError, match=f"^{name}: shape"):
            rule(*arrays)
    with pytest.raises(ValueError, match="boxes: negative width"):
        rule(keypoints, found, scores, boxes[:, [2, 3, 0, 1]])


def test_arguments_out_of_range():
    poses = one_pose()
    for bad in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="^threshold: "):
            oks_nms(*poses, SIGMAS, bad)
        with pytest.raises(ValueError, match="^width: "):
            soft_oks_nms(*poses, SIGMAS, bad)
        with pytest.raises(ValueError, match="^radius: "):
            keypoint_overlap_nms(*poses, bad)
        with pytest.raises(ValueError, match="^share: "):
            keypoint_overlap_nms(*poses, 0.1, bad)
    with pytest.raises(ValueError, match="^sigmas: "):
        oks_nms(*poses, SIGMAS[:3])
    with pytest.raises(ValueError, match="^scores: below 0"):
        soft_oks_nms(*poses[:2], np.array([-0.5]), poses[3], SIGMAS)


@pytest.mark.parametrize("name", ("sigma1", "sigma2", "distance_weight", "eta"))
@pytest.mark.parametrize("value", (-1, np.nan, np.inf, "1", True, None))
def test_parameters_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"^{name}: "):
        PoseNMSParameters(**{name: value})


def test_parameters_at_the_edge():
    assert PoseNMSParameters(distance_weight=0).distance_weight == 0
    assert type(PoseNMSParameters(eta=np.float32(3)).eta) is float
    for name in ("sigma1", "sigma2", "eta"):
        with pytest.raises(ValueError, match=f"^{name}: 0; give a number above 0"):
            PoseNMSParameters(**{name: 0})


def test_parameters_from_a_file(tmp_path):
    path = tmp_path / "parameters.json"
    content = {"sigma1": 0.2, "sigma2": 0.03, "distance_weight": 0.0, "eta": 4}
    path.write_text(json.dumps(content))
    assert PoseNMSParameters.load(path) == PoseNMSParameters(0.2, 0.03, 0, 4)
    former = {"lam" if name == "distance_weight" else name: x for name, x in content.items()}
    assert PoseNMSParameters.from_dict(former) == PoseNMSParameters.load(path)
    defects = {
        "not JSON": "{",
        "not an object": "[1, 2]",
        "not sigma1, sigma2, distance_weight, eta": json.dumps(content | {"more": 1}),
        "parameters: not sigma1": json.dumps(content | {"lam": 0.5}),
        "eta: 0; give a number above 0": json.dumps(content | {"eta": 0}),
        "eta: '4' is not a number": json.dumps(content | {"eta": "4"}),
    }
    for problem, text in defects.items():
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            PoseNMSParameters.load(path)
        assert str(caught.value).startswith(f"{path}: ") and problem in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        PoseNMSParameters.load(tmp_path / "none.json")


@pytest.mark.parametrize("rule, crowd", [*zip(speed.RULES, speed.CROWDS.values(), strict=True)])
def test_200_candidates_in_no_time(rule, crowd):
    """At least 10 times as fast as a loop, itself made fast; `suppression_speed.py` prints it."""
    (found, ours), (expected, theirs) = speed.compare(rule, *crowd)
    assert found == expected
    assert theirs > 10 * ours, f"{theirs / ours:.0f} times as fast"
