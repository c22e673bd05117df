"""The kinds of errors, on people placed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from multiposenet.annotations import ImageRecord
from multiposenet.evaluation.errors import KEYPOINTS, PERSONS, SIZES, diagnose
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14

SIDE = 100.0  # of every person's box: large
NOSE, LEFT_WRIST, RIGHT_WRIST = (COCO_17.index(n) for n in ("nose", "left_wrist", "right_wrist"))


def _person(left):
    """A box and 17 keypoints on a grid in it, far apart measured by their sigmas."""
    x, y = np.meshgrid(np.linspace(2, 98, 6), np.linspace(2, 98, 3))
    points = np.stack([x.ravel(), y.ravel()], axis=1)[:17] + (left, 0)
    return np.array([left, 0, left + SIDE, SIDE]), points


def _record(people, *, crowd=(), unlabelled=(), areas=None):
    boxes = np.stack([box for box, _ in people]).astype(np.float32)
    keypoints = np.stack([np.column_stack([p, np.full(17, 2.0)]) for _, p in people])
    keypoints[list(unlabelled)] = 0
    flags = np.isin(np.arange(len(people)), crowd)
    areas = np.full(len(people), SIDE**2) if areas is None else np.array(areas)
    return ImageRecord(
        id=1,
        file_name="a.png",
        width=1000,
        height=200,
        boxes=boxes,
        keypoints=keypoints.astype(np.float32),
        areas=areas.astype(np.float32),
        crowd=flags,
        ids=np.arange(len(people)),
        num_keypoints=(keypoints[..., 2] > 0).sum(axis=1),
        segmentations=[None] * len(people),
        extra={},
    )


def _poses(people, scores=None, skeleton=COCO_17):
    count = len(people)
    return Poses(
        boxes=np.stack([box for box, _ in people]) if people else np.zeros((0, 4)),
        box_scores=np.ones(count),
        keypoints=np.stack([points for _, points in people])
        if people
        else np.zeros((0, skeleton.num_keypoints, 2)),
        keypoint_scores=np.ones((count, skeleton.num_keypoints)),
        scores=np.ones(count) if scores is None else np.array(scores),
        skeleton=skeleton,
        image_size=(200, 1000),
    )


def _counts(diagnosis):
    return dict(zip(PERSONS, diagnosis.persons.sum(axis=0), strict=True))


def test_each_kind_of_keypoint():
    first, second = _person(0), _person(300)
    box, points = first
    points = points.copy()
    reach = 2 * COCO_17.sigmas[NOSE] * SIDE  # the similarity there is exp(-1/2)
    points[NOSE] += (reach, 0)
    points[[LEFT_WRIST, RIGHT_WRIST]] = points[[RIGHT_WRIST, LEFT_WRIST]]
    points[COCO_17.index("left_knee")] = second[1][COCO_17.index("left_knee")]
    points[COCO_17.index("right_knee")] = second[1][COCO_17.index("left_knee")]
    points[COCO_17.index("left_hip")] = (50, 150)
    diagnosis = diagnose(_record([first, second]), _poses([(box, points)]))
    found = {
        name: {KEYPOINTS[kind] for kind in np.flatnonzero(diagnosis.keypoints[2, index])}
        for index, name in enumerate(COCO_17.keypoints)
    }
    special = {
        "nose": "jitter",
        "left_wrist": "inversion",
        "right_wrist": "inversion",
        "left_knee": "swap",
        "right_knee": "swap",
        "left_hip": "miss",
    }
    assert found == {name: {special.get(name, "good")} for name in COCO_17.keypoints}
    assert diagnosis.keypoints.sum() == 17
    assert _counts(diagnosis) == {"found": 1, "missed": 1, "ghost": 0, "duplicate": 0}


def test_each_kind_of_person_and_size():
    people = [_person(left) for left in (0, 200, 400, 600)]
    record = _record(people, crowd=[2], unlabelled=[3], areas=[900, 5000, 10000, 10000])
    lonely = (np.array([900.0, 150, 920, 170]), np.full((17, 2), 900.0))
    # The better of two detections of one person counts; neither crowds nor the unlabelled do.
    found = [people[0], people[0], people[2], people[3], lonely]
    diagnosis = diagnose(record, _poses(found, scores=[0.4, 0.9, 0.8, 0.7, 0.6]))
    rows = {
        size: dict(zip(PERSONS, row, strict=True))
        for size, row in zip(SIZES, diagnosis.persons, strict=True)
    }
    none = dict.fromkeys(PERSONS, 0)
    assert rows["small"] == none | {"found": 1, "ghost": 1}
    assert rows["medium"] == none | {"missed": 1}
    assert rows["large"] == none | {"duplicate": 1}


def test_a_person_inside_a_crowd_is_no_ghost():
    crowd = (np.array([0.0, 0, 900, 200]), np.zeros((17, 2)))
    record = _record([crowd], crowd=[0], areas=[180000])
    assert _counts(diagnose(record, _poses([_person(100)]))) == dict.fromkeys(PERSONS, 0)


def test_nobody_on_either_side():
    person = _person(0)
    kept = ("boxes", "keypoints", "areas", "crowd", "ids")
    record = _record([person])
    empty = replace(record, **{name: getattr(record, name)[:0] for name in kept})
    assert _counts(diagnose(empty, _poses([person])))["ghost"] == 1
    assert _counts(diagnose(_record([person]), _poses([])))["missed"] == 1
    assert not diagnose(empty, _poses([])).persons.any()


def test_sums_and_wrong_keypoints():
    person = _person(0)
    one = diagnose(_record([person]), _poses([person]))
    assert (one + one).keypoints.sum() == 34
    with pytest.raises(ValueError, match="14 keypoints, labels: 17"):
        diagnose(_record([person]), _poses([], skeleton=LSP_14))
