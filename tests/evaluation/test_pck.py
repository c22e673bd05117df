"""PCK against persons placed by hand and a plain loop over persons and keypoints."""

import math

import numpy as np
import pytest

from multiposenet.annotations import ImageRecord
from multiposenet.evaluation.pck import TorsoPCK, head_sizes, pck, torso_sizes
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton

BODY = Skeleton.from_dict(
    {"name": "body", "keypoints": "left_shoulder right_shoulder left_hip right_hip neck".split()}
)


def slow_pck(predictions, truths, labelled, units, threshold):
    """The definition, one keypoint of one person after the other."""
    keypoints = labelled.shape[1]
    right, all_of = [0] * keypoints, [0] * keypoints
    for person, unit in enumerate(units):
        if math.isnan(unit) or unit == 0:
            continue
        for keypoint in range(keypoints):
            if not labelled[person, keypoint]:
                continue
            all_of[keypoint] += 1
            x, y = predictions[person, keypoint]
            if math.isnan(x) or math.isnan(y):
                continue
            u, v = truths[person, keypoint]
            right[keypoint] += math.sqrt((x - u) ** 2 + (y - v) ** 2) <= threshold * unit
    by_keypoint = [r / n if n else math.nan for r, n in zip(right, all_of, strict=True)]
    return by_keypoint, sum(right) / sum(all_of) if sum(all_of) else math.nan


@pytest.mark.parametrize("seed", range(5))
def test_pck_equals_the_loop(seed):
    rng = np.random.default_rng(seed)
    truths = rng.uniform(0, 100, (30, 6, 2))
    predictions = truths + rng.normal(0, 10, truths.shape)
    predictions[rng.random((30, 6)) < 0.2] = np.nan
    labelled = rng.random((30, 6)) < 0.7
    labelled[:, 4] = False
    truths[~labelled] = np.nan
    units = rng.uniform(20, 80, 30)
    units[:4] = np.nan, 0, np.nan, 0
    by_keypoint, mean = pck(predictions, truths, labelled, units, 0.2)
    expected, expected_mean = slow_pck(predictions, truths, labelled, units, 0.2)
    np.testing.assert_allclose(by_keypoint, expected, rtol=1e-12)
    assert np.isnan(by_keypoint[4]) and mean == pytest.approx(expected_mean)


def test_the_limit_itself_is_correct():
    by_keypoint, mean = pck([[[3, 4], [3.01, 4]]], np.zeros((1, 2, 2)), [[True, True]], [10], 0.5)
    assert by_keypoint.tolist() == [1, 0] and mean == 0.5


def test_nobody_has_no_figure():
    by_keypoint, mean = pck(np.zeros((0, 2, 2)), np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros(0))
    assert np.isnan(by_keypoint).tolist() == [True, True] and np.isnan(mean)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"labelled \(1, 3\)"):
        pck(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.ones((1, 3)), [1])


def test_torso_and_head():
    labels = np.zeros((4, 14, 3))
    labels[:, LSP_14.index("left_shoulder")] = 40, 10, 2
    labels[:, LSP_14.index("right_hip")] = 10, 50, 1  # hidden is labelled
    labels[1, LSP_14.index("right_hip"), 2] = 0
    labels[2, LSP_14.index("left_shoulder")] = 10.5, 50, 2
    labels[3, LSP_14.index("left_shoulder"), 2] = 0
    np.testing.assert_array_equal(torso_sizes(labels, LSP_14), [50, np.nan, np.nan, np.nan])
    assert head_sizes([[10, 20, 40, 60]]).tolist() == [30]
    head = Skeleton.from_dict({"name": "head", "keypoints": ["nose"]})
    assert np.isnan(torso_sizes(np.ones((2, 1, 3)), head)).all()


def record(people, boxes, crowd=None):
    """A photo of persons, (5, 3) labels of BODY each."""
    people = np.array(people, np.float32).reshape(-1, 5, 3)
    return ImageRecord(
        id=1,
        file_name="a.png",
        width=400,
        height=200,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        keypoints=people,
        areas=np.ones(len(people)),
        crowd=np.zeros(len(people), bool) if crowd is None else np.array(crowd),
        ids=np.arange(len(people)),
        num_keypoints=(people[..., 2] > 0).sum(axis=1),
        segmentations=[None] * len(people),
        extra={},
    )


def person(left, torso=True):
    """Torso 50 pixels long, so that PCK@0.2 allows 10."""
    labels = [[left + 40, 10, 2], [left + 10, 10, 2], [left + 40, 50, 2], [left + 10, 50, 2],
              [left + 25, 5, 2]]  # fmt: skip
    if not torso:
        labels[0][2] = 0
    return labels


def poses(found, scores=None):
    """Poses of COCO_17 whose shoulders and hips are given, with boxes of 50 x 60."""
    count = len(found)
    keypoints = np.zeros((count, 17, 2))
    torso = [COCO_17.index(name) for name in BODY.keypoints[:4]]
    boxes = np.zeros((count, 4))
    for row, (left, points) in enumerate(found):
        keypoints[row, torso] = points
        boxes[row] = left, 0, left + 50, 60
    sure = np.ones((count, 17)) if scores is None else np.array(scores)
    return Poses(boxes, np.ones(count), keypoints, sure, np.ones(count), COCO_17, (200, 400))


def measured(*photos):
    meter = TorsoPCK(BODY, COCO_17)
    for photo in photos:
        meter.update(*photo)
    return meter.result()


def test_persons_answered_by_the_pose_that_overlaps_them_most():
    one, two = person(0), person(100)
    points = np.array(one)[:4, :2]
    # Pose 0 is of nobody; pose 1 is on the first person, with its left hip 11 pixels off; pose 2
    # overlaps the first person less, and is better. Nothing overlaps the second person.
    wrong = points + [[0, 0], [0, 9.9], [11, 0], [0, 0]]
    found = poses([(300, points), (2, wrong), (20, points)])
    figures = measured((record([one, two], [[0, 0, 50, 60], [100, 0, 150, 60]]), found))
    assert figures == {
        "pck/mean": pytest.approx(3 / 8),
        "pck/left_shoulder": 0.5,
        "pck/right_shoulder": 0.5,
        "pck/left_hip": 0,
        "pck/right_hip": 0.5,
        "pck/persons": 2,
        "pck/left_out": 0,
    }  # and no neck, which COCO has not


def test_who_is_left_out_and_what_is_missed():
    points = np.array(person(0))[:4, :2]
    right = poses([(0, points)])
    box = [[0, 0, 50, 60]]
    photo = record([person(0)], box)
    assert measured((photo, right))["pck/mean"] == 1
    assert measured((photo, right), (photo, None))["pck/mean"] == 0.5  # not to be read
    assert measured((photo, poses([])))["pck/mean"] == 0
    without = record([person(0), person(0, torso=False)], box * 2)
    figures = measured((without, right))
    assert (figures["pck/persons"], figures["pck/left_out"], figures["pck/mean"]) == (1, 1, 1)
    crowd = record([person(0), person(100)], [[0, 0, 50, 60], [100, 0, 150, 60]], [False, True])
    figures = measured((crowd, right))
    assert (figures["pck/persons"], figures["pck/left_out"], figures["pck/mean"]) == (1, 0, 1)
    scores = np.ones((1, 17))
    scores[0, COCO_17.index("left_hip")] = 0  # not found, whatever its coordinates
    figures = measured((photo, poses([(0, points)], scores)))
    assert figures["pck/left_hip"] == 0 and figures["pck/mean"] == 0.75


def test_a_person_without_box_is_where_the_keypoints_are():
    points = np.array(person(100))[:4, :2]
    found = poses([(0, points), (100, points)])
    figures = measured((record([person(100)], [[0, 0, 0, 0]]), found))
    assert figures["pck/mean"] == 1


def test_nothing_labelled():
    figures = measured()
    assert (figures["pck/mean"], figures["pck/left_hip"], figures["pck/persons"]) == (-1, -1, 0)
    neck = person(0)
    for keypoint in range(4):
        neck[keypoint][2] = 0
    assert measured((record([neck], [[0, 0, 50, 60]]), poses([])))["pck/left_out"] == 0


@pytest.mark.parametrize(
    "names, problem", [(["head_top"], "none in common"), (["nose"], "left_shoulder and right_hip")]
)
def test_skeletons_that_cannot_be_compared(names, problem):
    with pytest.raises(ValueError, match=problem):
        TorsoPCK(Skeleton.from_dict({"name": "head", "keypoints": names}), COCO_17)
