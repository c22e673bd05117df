"""Detections made worse by a chosen amount, and what assigners make of them."""

import dataclasses

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.networks.pose_residual_network import Max, NearestCentre, PoseResidualNetwork
from multiposenet.training.datasets import synthetic
from multiposenet.training.figures import grouping
from multiposenet.training.grouping import degradation_sweep
from multiposenet.training.grouping.degradation import KINDS, SPURIOUS, Degradation, degrade

MARGIN = 0.21
ASSIGNERS = ("UCR", "nearest to box centre", "Max")


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    options = {"size": (192, 256), "people": (1, 4), "crowd": 0.2, "unlabelled": 0.1}
    return CocoAnnotations.load(synthetic.write(folder, photos=40, seed=8, **options))


def by_owner(detected, person):
    """keypoint -> place of a person's detected keypoints, by a plain loop."""
    return {
        keypoint: detected.keypoints[keypoint, candidate, :2]
        for keypoint, candidate in zip(*np.nonzero(detected.owners == person), strict=True)
        if detected.keypoints[keypoint, candidate, 2] > 0
    }


def places(detected):
    return {
        (keypoint, *row[:2].tolist())
        for keypoint, rows in enumerate(detected.keypoints)
        for row in rows
        if row[2] > 0
    }


def test_nothing_wrong_is_the_labels(labels):
    for record in labels.images:
        detected = degrade(record, Degradation())
        people = np.flatnonzero(~record.crowd)
        np.testing.assert_array_equal(detected.boxes, record.boxes[people])
        np.testing.assert_array_equal(detected.box_owners, people)
        assert (detected.box_scores == 1).all()
        for person in people:
            own = by_owner(detected, person)
            assert set(own) == set(np.flatnonzero(record.keypoints[person, :, 2] > 0))
            for keypoint, place in own.items():
                np.testing.assert_array_equal(place, record.keypoints[person, keypoint, :2])
        assert len(places(detected)) == (record.keypoints[people, :, 2] > 0).sum()
        assert set(np.unique(detected.keypoints[..., 2])) <= {0, 1}


def test_the_seed_and_the_photo_decide(labels):
    wrong = Degradation(jitter=0.05, missing=0.2, spurious=1, loose=0.2, duplicate=0.5)
    first, second = labels.images[:2]
    again, other = degrade(first, wrong), degrade(first, wrong, seed=1)
    renamed = degrade(dataclasses.replace(first, id=second.id), wrong)
    for field in dataclasses.fields(again):
        same = getattr(degrade(first, wrong), field.name)
        np.testing.assert_array_equal(getattr(again, field.name), same)
    for different in (other, renamed):
        assert places(different) != places(again)


def test_jitter_is_a_share_of_the_person(labels):
    offsets = []
    for record in labels.images:
        small, large = (degrade(record, Degradation(jitter=level)) for level in (0.02, 0.06))
        for person in np.flatnonzero(~record.crowd):
            truth = record.keypoints[person, :, :2]
            near, far = by_owner(small, person), by_owner(large, person)
            for keypoint in near:
                step = near[keypoint] - truth[keypoint]
                # The same error, only larger.
                np.testing.assert_allclose(far[keypoint] - truth[keypoint], 3 * step, atol=2e-3)
                offsets.append(step / np.sqrt(record.areas[person]))
    assert np.std(offsets) == pytest.approx(0.02, rel=0.1)
    assert np.mean(offsets) == pytest.approx(0, abs=0.002)


def test_what_is_missing_stays_missing(labels):
    counts = []
    for record in labels.images:
        kept = [places(degrade(record, Degradation(missing=level))) for level in (0, 0.2, 0.5, 1)]
        assert kept[0] >= kept[1] >= kept[2] >= kept[3] == set()
        counts.append([len(rows) for rows in kept])
    total = np.sum(counts, axis=0)
    np.testing.assert_allclose(total / total[0], [1, 0.8, 0.5, 0], atol=0.05)


def test_spurious_keypoints_lie_around_persons(labels):
    true = false = 0
    for record in labels.images:
        few, many = (degrade(record, Degradation(spurious=level)) for level in (1, 2))
        assert places(few) <= places(many)
        true += len(places(degrade(record, Degradation())))
        for keypoint, candidate in zip(*np.nonzero(few.owners == SPURIOUS), strict=True):
            x, y, score = few.keypoints[keypoint, candidate]
            if score == 0:
                continue
            false += 1
            x1, y1, x2, y2 = record.boxes[~record.crowd].T
            beyond_x, beyond_y = MARGIN * (x2 - x1) + 1e-3, MARGIN * (y2 - y1) + 1e-3
            near = (x1 - beyond_x <= x) & (x <= x2 + beyond_x)
            assert (near & (y1 - beyond_y <= y) & (y <= y2 + beyond_y)).any()
    assert false / true == pytest.approx(1, abs=0.1)


def test_loose_and_duplicate_boxes(labels):
    persons = doubled = 0
    for record in labels.images:
        truth = record.boxes[~record.crowd]
        size = np.tile(truth[:, 2:] - truth[:, :2], 2)
        loose = degrade(record, Degradation(loose=0.2))
        shift = (loose.boxes - truth) / size
        assert (np.abs(shift) <= 0.2 + 1e-4).all() and (len(truth) == 0 or shift.std() > 0.05)
        assert places(loose) == places(degrade(record, Degradation()))
        double = degrade(record, Degradation(duplicate=0.5))
        np.testing.assert_array_equal(double.boxes[: len(truth)], truth)
        copies = double.box_owners[len(truth) :]
        assert len(set(copies)) == len(copies)
        off = (double.boxes[len(truth) :] - record.boxes[copies]) / np.tile(
            record.boxes[copies, 2:] - record.boxes[copies, :2], 2
        )
        assert (np.abs(off) <= 0.15 + 1e-4).all()
        scores = double.box_scores[len(truth) :]
        assert ((scores >= 0.5) & (scores <= 1)).all()
        persons, doubled = persons + len(truth), doubled + len(copies)
    assert doubled / persons == pytest.approx(0.5, abs=0.12)


def test_kinds_do_not_disturb_each_other(labels):
    record = labels.images[0]
    everything = degrade(record, Degradation(0.05, 0.3, 1, 0.2, 1))
    np.testing.assert_array_equal(
        everything.boxes[: (~record.crowd).sum()], degrade(record, Degradation(loose=0.2)).boxes
    )
    moved = degrade(record, Degradation(jitter=0.05))
    for person in np.flatnonzero(~record.crowd):
        alone = by_owner(moved, person)
        for keypoint, place in by_owner(everything, person).items():
            np.testing.assert_array_equal(place, alone[keypoint])


@pytest.mark.parametrize(
    "values", [{"jitter": -0.1}, {"missing": 1.1}, {"spurious": 9}, {"loose": 0.5}, {"jitter": "x"}]
)
def test_impossible_levels(values):
    with pytest.raises((InputError, TypeError)):
        Degradation(**values)


def nearest_by_hand(record, detected, category_id):
    """Results of the nearest centre, box by box and keypoint by keypoint."""
    results = []
    for box, score in zip(detected.boxes, detected.box_scores, strict=True):
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        keypoints, beliefs = [], []
        for rows in detected.keypoints:
            offsets = [(row[:2] - centre) / size for row in rows if row[2] > 0]
            offsets = [o for o in offsets if (np.abs(o) <= 0.5 + MARGIN).all()]
            best = min(offsets, key=lambda o: (o**2).sum(), default=None)
            if best is None:
                keypoints += [*centre, 0]
            else:
                keypoints += [*(centre + best * size), 1]
                beliefs.append(1 / (1 + np.exp((best**2).sum())))
        results.append(
            {
                "image_id": record.id,
                "category_id": category_id,
                "keypoints": [float(value) for value in keypoints],
                "score": float(score * np.mean(beliefs)) if beliefs else 0.0,
            }
        )
    return results


def test_measure_against_a_plain_loop(labels):
    wrong = Degradation(jitter=0.02, missing=0.1, spurious=0.5, loose=0.1, duplicate=0.3)
    detected = [degrade(record, wrong) for record in labels.images]
    results = []
    for record, found in zip(labels.images, detected, strict=True):
        results += nearest_by_hand(record, found, labels.category_id)
    expected = evaluate_keypoints(labels, results)
    measured = degradation_sweep.measure(
        degradation_sweep.grouper(NearestCentre()), labels, detected
    )
    assert measured == pytest.approx(expected, abs=1e-6)
    assert 0.05 < measured["keypoints/AP"] < 0.95


def test_perfect_grouping_of_the_labels(labels):
    detected = [degrade(record, Degradation()) for record in labels.images]
    results = []
    for record in labels.images:
        for person in np.flatnonzero(~record.crowd):
            box, keypoints = record.boxes[person], record.keypoints[person].copy()
            place = (keypoints[:, :2] - box[:2]) / (box[2:] - box[:2])
            inside = ((place >= -MARGIN) & (place <= 1 + MARGIN)).all(axis=1)
            keypoints[~inside | (keypoints[:, 2] == 0)] = 0
            results.append(
                {
                    "image_id": record.id,
                    "keypoints": keypoints.ravel().tolist(),
                    "score": float((keypoints[:, 2] > 0).mean()),
                }
            )
    figures = degradation_sweep.measure(None, labels, detected)
    assert figures == pytest.approx(evaluate_keypoints(labels, results), abs=1e-9)
    assert figures["keypoints/AP"] > 0.9


@pytest.fixture(scope="module")
def rows(labels):
    groupers = degradation_sweep.rivals(PoseResidualNetwork(nodes=1), labels)
    del groupers["PRN"]  # it would have to be trained
    levels = {kind: degradation_sweep.LEVELS[kind][:5:4] for kind in KINDS}
    return degradation_sweep.sweep(groupers, labels, levels)


def test_worse_detections_never_help_perfect_grouping(rows):
    for kind in KINDS:
        clean, wrong = (row["perfect/AP"] for row in rows if row["kind"] == kind)
        if kind in ("spurious", "duplicate"):  # it takes no notice of these
            assert wrong == clean
        else:
            assert wrong < clean - 5


def test_trends_of_the_assigners(rows):
    at = {(row["kind"], row["level"] > 0): row for row in rows}
    clean = at["jitter", False]
    assert clean["perfect/AP"] > clean["UCR/AP"] > clean["Max/AP"]
    for name in ASSIGNERS:
        # The levels of 0 are the same detections.
        assert {at[kind, False][f"{name}/AP"] for kind in KINDS} == {clean[f"{name}/AP"]}
        for kind in ("jitter", "missing", "spurious", "loose"):
            assert at[kind, True][f"{name}/AP"] < clean[f"{name}/AP"] - 3
        for kind in ("spurious", "duplicate"):
            assert at[kind, True][f"{name}/AP"] < at[kind, True]["perfect/AP"]
    # UCR also says where a missing keypoint would be.
    assert at["missing", True]["UCR/AP"] > at["missing", True]["perfect/AP"]


def test_photos_without_detections(labels):
    detected = [degrade(record, Degradation(missing=1)) for record in labels.images]
    for group in (None, degradation_sweep.grouper(Max())):
        assert degradation_sweep.measure(group, labels, detected)["keypoints/AP"] == 0


def test_mean_crop_is_a_histogram(labels):
    prior = degradation_sweep.mean_crop(labels, blur=0)
    counts, people = np.zeros((56, 36)), 0
    for record in labels.images:
        for person in np.flatnonzero(~record.crowd):
            x1, y1, x2, y2 = record.boxes[person].astype(float)
            if (record.keypoints[person, :, 2] > 0).sum() <= 2:
                continue
            people += 1
            x, y, visible = record.keypoints[person, 5].astype(float)
            u, v = (x - x1) / (x2 - x1), (y - y1) / (y2 - y1)
            if visible and -MARGIN <= u <= 1 + MARGIN and -MARGIN <= v <= 1 + MARGIN:
                counts[min(max(int(v * 56), 0), 55), min(max(int(u * 36), 0), 35)] += 1
    np.testing.assert_allclose(prior[..., 5], counts / people, atol=1e-6)
    blurred = degradation_sweep.mean_crop(labels)
    np.testing.assert_allclose(blurred.sum(axis=(0, 1)), prior.sum(axis=(0, 1)), rtol=1e-4)


def test_mean_crop_needs_keypoints(labels):
    nobody = labels.select(slice(0, 0))
    with pytest.raises(AnnotationError, match="no person has more than two"):
        degradation_sweep.mean_crop(nobody)


def test_the_figure_shows_every_row(rows):
    figure = grouping.draw(rows)
    drawn = [axis for axis in figure.axes if axis.lines]
    assert len(drawn) == len(KINDS)
    for axis, kind in zip(drawn, KINDS, strict=True):
        assert len(axis.lines) == 4 and axis.get_title(loc="left") and axis.get_xlabel()
        for line, name in zip(axis.lines, ("perfect", *ASSIGNERS), strict=True):
            expected = [row[f"{name}/AP"] for row in rows if row["kind"] == kind]
            np.testing.assert_array_equal(line.get_ydata(), expected)
