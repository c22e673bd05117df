"""Batches of the PRN stage: augmented candidates, epochs and the curriculum."""

import json

import numpy as np
import pytest
from prn_labels import FLIP, person, write
from prn_recipes import STILL, present, recipe, unchanged

from multiposenet.networks.pose_residual_network import PoseResidualNetwork
from multiposenet.training.grouping import curriculum
from multiposenet.training.grouping.labelled_persons import LabelledPersons, cells
from multiposenet.training.grouping.prn_batches import CandidatePairBatches, entries
from multiposenet.training.stages import prn


def test_coarse_epochs_come_first(labels, tmp_path):
    net = PoseResidualNetwork(3, nodes=4)
    changes = {"epochs": 2, "coarse_epochs": 3, "batch_size": 17, "precision": "float32"}
    prn.train(net, labels, recipe(**changes, learning_rate=1e-3), FLIP, tmp_path)
    rates = {}
    for folder, steps in ((tmp_path / "coarse", 3), (tmp_path, 2)):
        lines = [json.loads(line) for line in (folder / "prn_stage.jsonl").open()]
        assert lines[-1]["step"] == steps
        rates[folder] = json.loads((folder / "prn_stage.json").read_text())["recipe"][
            "learning_rate"
        ]
    assert list(rates.values()) == [1e-3, pytest.approx(1e-4)]


def test_cells_of_the_corner_and_the_margin():
    grid, weights = cells(np.array([[-0.2, -0.2], [1.2, 1.2], [8 / 36, 12.0 / 56]]))
    assert weights[0].max() == weights[1].max() == 1
    assert grid[0][weights[0].argmax()] == 0 and grid[1][weights[1].argmax()] == 36 * 56 - 1
    np.testing.assert_allclose(weights[2], 0.25, atol=1e-5)
    assert sorted(grid[2]) == [11 * 36 + 7, 11 * 36 + 8, 12 * 36 + 7, 12 * 36 + 8]


def test_one_cell_is_drawn_by_its_weight(labels):
    """In the mean, the input is the bilinear one."""
    people = LabelledPersons(labels)
    still = {name: value for name, value in STILL.items() if name != "bilinear"}
    mean = np.zeros((2, 3, 56 * 36))
    for step in range(400):
        rng = np.random.default_rng(step)
        x, _ = entries(people, np.array([1]), recipe(**still), np.arange(3), rng)
        some = present(x) & (x["person"] == 0)
        assert x["cells"].shape[1] == 1
        mirror = np.zeros(56 * 36)
        for keypoint, cell in zip(x["keypoint"][some], x["cells"][some, 0], strict=True):
            mirror[cell] += 1 / 400
            mean[0, keypoint, cell] += 1 / 400
    x, _ = unchanged(people, [1])
    some = present(x) & (x["person"] == 0)
    for keypoint, grid, weights in zip(x["keypoint"][some], x["cells"][some], x["weights"][some],
                                    strict=True):  # fmt: skip
        np.add.at(mean[1, keypoint], grid, weights)
    flipped = mean[1].reshape(3, 56, 36)[:, :, ::-1].reshape(3, -1)
    expected = (mean[1] + flipped) / 2  # half of the views are mirrored
    np.testing.assert_allclose(mean[0], expected, atol=0.12)


def test_batches_jitter_and_flip(labels):
    people = LabelledPersons(labels)
    batches = CandidatePairBatches(people, recipe(batch_size=17, **STILL), FLIP)
    assert batches.steps_per_epoch == 1
    exact, _ = unchanged(people, batches.photos(0))
    x, y = batches(0)
    keys = ("person", "row")
    order = [np.lexsort([values[name] for name in keys]) for values in (exact, x)]
    first, second = ({k: v[o][present(s)[o]] for k, v in s.items() if k != "boxes"}
                     for s, o in zip((exact, x), order, strict=True))  # fmt: skip
    np.testing.assert_array_equal(first["row"], second["row"])
    mirrored = (first["keypoint"] != second["keypoint"]) & (first["keypoint"] > 0)
    assert np.all(
        second["keypoint"] == np.where(mirrored, FLIP[first["keypoint"]], first["keypoint"])
    )
    jittered, _ = CandidatePairBatches(people, recipe(batch_size=17, box_jitter=0.1), FLIP)(0)
    size = np.tile(people.boxes[:, 2:] - people.boxes[:, :2], 2)
    order = np.concatenate([np.flatnonzero(people.photo == p) for p in batches.photos(0)])
    shift = np.abs(jittered["boxes"][: len(people)] - people.boxes[order]) / size[order]
    assert 0.05 < shift.max() <= 0.1001


def test_missing_faint_and_spurious_candidates(labels):
    people = LabelledPersons(labels)

    def statistics(**changes):
        batches = CandidatePairBatches(people, recipe(batch_size=17, **STILL | changes), FLIP)
        some = [(x["scores"][present(x)], x["row"][present(x)], x["person"][present(x)])
                for x, _ in map(batches, range(30))]  # fmt: skip
        return [np.concatenate(values) for values in zip(*some, strict=True)]

    scores, rows, _ = statistics()
    count = len(rows) / 30
    np.testing.assert_array_equal(scores, 1)
    scores, rows, _ = statistics(missing=0.5, min_score=0.4)
    assert len(rows) / 30 == pytest.approx(0.5 * count, rel=0.15)
    assert scores.min() >= 0.4 and scores.mean() == pytest.approx(0.7, abs=0.03)
    _, rows, _ = statistics(spurious=0.5)
    # Each is seen by its own box and perhaps by others.
    assert np.count_nonzero(rows < 0) / 30 > 0.5 * 3 * 17
    assert np.count_nonzero(rows >= 0) / 30 == pytest.approx(count, rel=0.01)


def test_an_epoch_sees_all_crowded_photos_and_some_others(tmp_path):
    keypoints = np.array([(50, 20, 2), (40, 80, 2), (60, 80, 1)])
    persons = [  # ten apart, one per photo, and four together in the last
        person(index, min(index, 10) + 1, (30, 10, 70 + index, 90), keypoints)
        for index in range(14)
    ]
    people = LabelledPersons(write(tmp_path / "a.json", persons, images=11))
    assert people.crowded.sum() == 4
    batches = CandidatePairBatches(
        people, recipe(batch_size=2, **STILL | {"uncontested_share": 0.4}), FLIP
    )
    assert batches.steps_per_epoch == 4

    def epoch(number):
        return [p for step in range(4) for p in batches.photos(4 * number + step)]

    for number in range(3):
        assert len(epoch(number)) == len(set(epoch(number))) == 5 and 10 in epoch(number)
    assert epoch(0) != epoch(1) and epoch(0) == epoch(0)


def test_one_seed_one_batch(labels):
    a, b = (CandidatePairBatches(LabelledPersons(labels), recipe(), FLIP) for _ in range(2))
    b(7), b(1)
    for first, second in zip(a(3), b(3), strict=True):
        for name, values in first.items():
            np.testing.assert_array_equal(values, second[name])


def test_ease_is_many_keypoints_and_a_large_area():
    counts, areas = np.array([17, 17, 3, 3]), np.array([900, 100, 900, 100])
    np.testing.assert_allclose(curriculum.ease(counts, areas), [5 / 6, 0.5, 0.5, 1 / 6])
    rng = np.random.default_rng(0)
    counts, areas = rng.integers(1, 18, 50), rng.integers(1, 9, 50) * 100
    expected = [
        sum(np.mean([(counts[j] < counts[i]) + (counts[j] == counts[i]) / 2,
                     (areas[j] < areas[i]) + (areas[j] == areas[i]) / 2])
            for j in range(50) if j != i) / 49
        for i in range(50)
    ]  # fmt: skip
    np.testing.assert_allclose(curriculum.ease(counts, areas), expected)


def test_curriculum_goes_from_easy_to_all(tmp_path):
    keypoints = np.array([(50, 20, 2), (40, 80, 2), (60, 80, 1)])
    persons = [
        person(index, index + 1, (30, 10, 35 + 5 * index, 90), keypoints) for index in range(20)
    ]
    people = LabelledPersons(write(tmp_path / "a.json", persons, images=20))
    changes = STILL | {"batch_size": 5, "epochs": 8, "curriculum": 0.5}
    batches = CandidatePairBatches(people, recipe(**changes), FLIP)
    assert (
        batches.steps
        == CandidatePairBatches(people, recipe(**changes | {"curriculum": 0.0}), FLIP).steps
    )

    def epoch(number):
        return np.concatenate([batches.photos(4 * number + step) for step in range(4)])

    for number, share in enumerate([0.2, 0.4, 0.6, 0.8, 1.0, 1.0]):
        seen = epoch(number)
        assert len(seen) == 20  # as many steps as without
        easiest = 20 - round(20 * share)  # larger photos have larger boxes
        assert set(seen) == set(range(easiest, 20))
    assert not np.array_equal(epoch(4), epoch(5))
