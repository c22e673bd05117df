"""Candidate poses of many photos at once: against rules, evaluator and loops photo by photo."""

import numpy as np
import pytest
from crowded import PERSONS, found, labels

from multiposenet.errors import AnnotationError, InputError
from multiposenet.evaluation import coco
from multiposenet.evaluation.keypoint_precision import Group, keypoint_average_precision
from multiposenet.maths import suppression
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.skeleton import COCO_17
from multiposenet.training.pose_nms import metrics, parameter_search
from multiposenet.training.pose_nms.candidate_poses import CandidatePoses
from multiposenet.training.pose_nms.candidate_poses_map import (
    CandidatePosesMAP,
    SubsetMeanAP,
    from_results,
)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    return labels(tmp_path_factory.mktemp("labels") / "a.json")


@pytest.fixture(scope="module")
def results(annotations):
    return found(annotations)


@pytest.fixture(scope="module")
def candidates(annotations, results):
    return CandidatePoses(annotations, results)


def photo_by_photo(annotations, results, rule):
    """(D,) bool, what a rule of `suppression` keeps."""
    kept = np.zeros(len(results), bool)
    for poses, places in zip(*from_results(annotations, results), strict=True):
        arrays = poses.keypoints, poses.keypoint_scores, poses.scores, poses.boxes
        kept[places[rule(*arrays)]] = True
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_rules_keep_what_suppression_keeps(annotations, results, candidates, seed):
    rng = np.random.default_rng(seed)
    chosen = PoseNMSParameters(
        rng.uniform(0.05, 1), 10 ** rng.uniform(-4, -1), rng.uniform(0, 3), rng.uniform(1, 20)
    )
    threshold, radius, share = rng.uniform(0.1, 0.9, 3) * (1, 0.3, 1)
    pairs = (
        (candidates.pose_nms(chosen), lambda *p: suppression.pose_nms(*p, chosen)),
        (
            candidates.oks_nms(threshold),
            lambda *p: suppression.oks_nms(*p, COCO_17.sigmas, threshold),
        ),
        (
            candidates.keypoint_overlap_nms(radius, share),
            lambda *p: suppression.keypoint_overlap_nms(*p, radius, share),
        ),
    )
    for kept, rule in pairs:
        np.testing.assert_array_equal(kept, photo_by_photo(annotations, results, rule))
        assert 0 < kept.sum() <= len(kept)


def test_ap_is_that_of_the_evaluator(annotations, results, candidates):
    rng = np.random.default_rng(1)
    for share in (0.0, 0.3, 0.7, 1.0):
        kept = rng.random(len(results)) < share
        own = [result for result, there in zip(results, kept, strict=True) if there]
        expected = coco.evaluate_keypoints(annotations, own)["keypoints/AP"]
        assert candidates.average_precision(kept) == pytest.approx(max(expected, 0), abs=1e-12)


def test_keypoints_are_judged_as_by_keypoint_precision(annotations, results):
    everybody, keypoints = (
        metrics.MultiPersonMetrics(annotations),
        CandidatePosesMAP(annotations, results),
    )
    photos, places = from_results(annotations, results)
    rng = np.random.default_rng(2)
    for share in (0.0, 0.2, 0.6, 1.0):
        kept = rng.random(len(results)) < share
        poses = [own[kept[place]] for own, place in zip(photos, places, strict=True)]
        expected = everybody.figures(poses)["mAP"]
        assert keypoints.average_precision(kept) == pytest.approx(expected, abs=1e-6)
    assert everybody.figures(photos)["mAP"] > 0.1


def test_keypoint_precision_of_photos_without_persons_and_ties():
    rng = np.random.default_rng(3)
    groups = []
    for persons, poses in ((0, 3), (2, 0), (3, 8), (1, 4)):
        truths = rng.uniform(0, 100, (persons, 5, 2))
        predictions = rng.uniform(0, 100, (poses, 5, 2))
        if persons and poses:
            own = rng.integers(persons, size=poses)
            near = truths[own] + rng.normal(0, 4, (poses, 5, 2))
            predictions = np.where(rng.random((poses, 5, 1)) < 0.7, near, predictions)
        predictions[rng.random((poses, 5)) < 0.1] = np.nan
        scores = rng.integers(1, 4, (poses, 5)) / 4.0
        labelled = rng.random((persons, 5)) < 0.8
        groups.append(Group(truths, labelled, np.full(persons, 40.0), predictions, scores))
    fast = SubsetMeanAP(groups)
    for _ in range(20):
        kept = rng.random(15) < 0.6
        ends = np.cumsum([len(group.scores) for group in groups])[:-1]
        some = [
            Group(g.truths, g.labelled, g.units, g.predictions[own], g.scores[own])
            for g, own in zip(groups, np.split(kept, ends), strict=True)
        ]
        expected = np.nanmean(keypoint_average_precision(some, metrics.TORSO_SHARE))
        assert fast(kept) == pytest.approx(expected, abs=1e-12)


def test_nothing_to_learn_from(annotations, results):
    with pytest.raises(InputError, match="no pose"):
        CandidatePoses(annotations, [])
    with pytest.raises(AnnotationError, match="bbox"):
        CandidatePosesMAP(annotations, [{**results[0], "bbox": None}])
    nobody = annotations.select([0])
    nobody.persons.num_keypoints[:] = 0
    with pytest.raises(InputError, match="nobody with keypoints"):
        CandidatePoses(nobody, [r for r in results if r["image_id"] == 1])


# Learning


def test_search_finds_the_top_of_a_hill():
    def hill(x, y):
        return -((np.log(x) - np.log(0.3)) ** 2) - (np.log(y) - np.log(5)) ** 2

    ranges = {"x": (0.01, 10.0), "y": (0.1, 100.0)}
    for grids, error in ((1, 0.5), (3, 0.1)):
        values, height = parameter_search.search(hill, ranges, grids)
        assert values["x"] == pytest.approx(0.3, rel=error)
        assert values["y"] == pytest.approx(5, rel=error)
        assert height == hill(**values)


@pytest.mark.parametrize("kind", [CandidatePoses, CandidatePosesMAP])
def test_what_is_learnt_is_never_worse_and_two_parameters_change_at_a_time(
    annotations, results, kind
):
    poses = kind(annotations, results)
    start = PoseNMSParameters(eta=60.0)  # eliminates nobody
    learnt = parameter_search.learn(poses, start)
    assert learnt.ap > poses.average_precision(np.ones(len(poses), bool)) + 0.005
    assert learnt.ap == poses.average_precision(poses.pose_nms(learnt.parameters))
    steps = learnt.history
    assert steps[0].parameters == start and steps[-1].parameters == learnt.parameters
    assert all(later.ap >= earlier.ap for earlier, later in zip(steps, steps[1:], strict=False))
    for earlier, later in zip(steps, steps[1:], strict=False):
        changed = {
            name
            for name, value in vars(later.parameters).items()
            if value != getattr(earlier.parameters, name)
        }
        assert changed <= set(later.names) and later.names in parameter_search.PAIRS
    assert steps[-1].ap == steps[-2].ap == steps[-3].ap  # a round that gains nothing is the last
    assert parameter_search.learn(poses, start) == learnt


def test_halves_have_all_photos_once(annotations, results):
    first, second = parameter_search.split(annotations, results, seed=3)
    assert len(first) + len(second) == len(results) and len(first) == len(second)
    again = parameter_search.split(annotations, results, seed=3)[0]
    assert again.average_precision(np.ones(len(again), bool)) == first.average_precision(
        np.ones(len(first), bool)
    )


def test_every_half_is_held_out_once(annotations, results):
    rows = {row.name: row for row in parameter_search.repeat(annotations, results, 1)}
    assert list(rows) == ["none", "hand-set", "oks", "overlap", "learnt"]
    halves = parameter_search.split(annotations, results, 0)
    expected = [parameter_search.compare(*order)[0] for order in (halves, halves[::-1])]
    for index, name in enumerate(rows):
        held_out = [run[index].held_out for run in expected]
        behind = [run[-1].held_out - run[index].held_out for run in expected]
        assert rows[name].held_out == pytest.approx(np.mean(held_out))
        assert rows[name].behind == pytest.approx(np.mean(behind))
        assert rows[name].spread == pytest.approx(np.std(behind))
    assert rows["learnt"].behind == rows["learnt"].spread == 0


# Measures


def test_a_pose_of_an_unlabelled_person_does_not_count(annotations):
    everybody = metrics.MultiPersonMetrics(annotations)
    record = annotations.images[0]
    (poses, *_), _ = from_results(annotations, found(annotations))
    boxes = np.repeat(record.boxes, len(poses) // PERSONS, axis=0)
    placed = type(poses)(
        boxes, poses.box_scores, poses.keypoints, poses.keypoint_scores, poses.scores, COCO_17,
        poses.image_size,
    )  # fmt: skip
    labelled = np.repeat(record.num_keypoints > 0, len(poses) // PERSONS)
    np.testing.assert_array_equal(everybody.counted(0, placed), labelled)
    assert len(everybody.group(0, placed).truths) == PERSONS - 1


def test_units_are_torsos_or_their_usual_share_of_the_box():
    keypoints = np.zeros((4, 17, 3))
    shoulder, hip = COCO_17.index("left_shoulder"), COCO_17.index("right_hip")
    for person, length in enumerate((30.0, 40.0, 60.0)):
        keypoints[person, [shoulder, hip]] = (10, 10, 2), (10, 10 + length, 2)
    xywh = [[0, 0, 100, 100]] * 3 + [[0, 0, 50, 200]]
    np.testing.assert_allclose(metrics.units(keypoints, xywh, COCO_17), [30, 40, 60, 40])


def test_halves_tell_the_spread_of_a_mean():
    """Of 200 numbers the mean's standard error is known."""
    values = np.random.default_rng(4).normal(0, 1, 200)
    means = [values[half].mean() for half in metrics.halves(200, draws=400)]
    expected = values.std() / np.sqrt(200)
    assert metrics.spread(means) == pytest.approx(expected, rel=0.15)
