"""The PRN, its baselines, and the crops that they read."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.networks import grouping, roi_crop
from multiposenet.networks.pose_residual_network import (
    Max,
    PoseResidualNetwork,
    UnaryConditionalRelationship,
    compact,
)

HEIGHT, WIDTH, NUM_KEYPOINTS = 56, 36, 3


def to_numpy(tensor):
    return ops.convert_to_numpy(tensor)


def group(assigner, *scene, candidates=None, **scores):
    run = functools.partial(grouping.group, assigner, candidates=candidates)
    return compiled(run)(*scene, **scores)


def random_crops(count=2, num_keypoints=NUM_KEYPOINTS, seed=0):
    return (
        np.random.default_rng(seed)
        .uniform(size=(count, HEIGHT, WIDTH, num_keypoints))
        .astype("float32")
    )


@pytest.mark.one_backend
def test_parameters_of_the_paper():
    cells, count = 36 * 56 * 17, PoseResidualNetwork().count_params()
    assert count == cells * 1024 + 1024 + 1024 * cells + cells
    assert round(count / 1e6, 1) == 70.2


@pytest.mark.one_backend
def test_parameters_of_the_compact_variant():
    cells = 9 * 14 * 17
    assert compact().count_params() == cells * 128 + 128 + 128 * cells + cells < 6e5


def test_two_hidden_layers():
    model = PoseResidualNetwork(NUM_KEYPOINTS, nodes=8, hidden=2)
    cells = HEIGHT * WIDTH * NUM_KEYPOINTS
    assert model.count_params() == cells * 8 + 8 + 8 * 8 + 8 + 8 * cells + cells


@pytest.mark.parametrize("stride", [1, 2])
def test_softmax_of_every_keypoint(stride):
    maps = to_numpy(PoseResidualNetwork(NUM_KEYPOINTS, nodes=8, stride=stride)(random_crops()))
    assert maps.shape == (2, HEIGHT, WIDTH, NUM_KEYPOINTS)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_residual_is_added():
    crops = random_crops()
    model = PoseResidualNetwork(NUM_KEYPOINTS, nodes=8)
    plain = PoseResidualNetwork(NUM_KEYPOINTS, nodes=8, residual=False)
    plain.set_weights(model.get_weights())
    difference = to_numpy(model.logits(crops)) - to_numpy(plain.logits(crops))
    np.testing.assert_allclose(difference, crops, atol=1e-5)


def test_logits_against_plain_numpy():
    model = PoseResidualNetwork(NUM_KEYPOINTS, nodes=8)
    crops = random_crops()
    w1, b1, w2, b2 = model.get_weights()
    hidden = np.maximum(crops.reshape(2, -1) @ w1 + b1, 0)
    expected = (hidden @ w2 + b2).reshape(crops.shape) + crops
    np.testing.assert_allclose(to_numpy(model.logits(crops)), expected, rtol=1e-4, atol=1e-4)


def test_dropout_only_in_training():
    model = PoseResidualNetwork(NUM_KEYPOINTS, nodes=64)
    crops = random_crops()
    first, second = (to_numpy(model(crops)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(to_numpy(model(crops, training=True)) - first).max() > 0


def test_saves_and_reloads(tmp_path):
    model = PoseResidualNetwork(NUM_KEYPOINTS, nodes=8, stride=2)
    model.save(tmp_path / "prn.keras")
    again = keras.saving.load_model(tmp_path / "prn.keras")
    np.testing.assert_array_equal(to_numpy(model(random_crops())), to_numpy(again(random_crops())))


@pytest.mark.parametrize("stride", [3, 5])
def test_impossible_stride(stride):
    with pytest.raises(ValueError, match="stride"):
        PoseResidualNetwork(stride=stride)


def test_max_prefers_the_highest_peak():
    crops = random_crops()
    best = to_numpy(Max()(crops)).reshape(2, -1, NUM_KEYPOINTS).argmax(axis=1)
    np.testing.assert_array_equal(best, crops.reshape(2, -1, NUM_KEYPOINTS).argmax(axis=1))


def test_grouping_by_max_takes_the_highest_peak_wherever_it_lies():
    """Also one between the cells' centres, whose height the crop spreads over four cells."""
    rng = np.random.default_rng(0)
    boxes = np.array([[[0, 0, 90, 140]]], "float32")
    points = rng.uniform(0, 90, (1, 40, 6, 2)).astype("float32")
    scores = rng.uniform(0.5, 1, (1, 40, 6)).astype("float32")
    keypoints, found = group(Max(), boxes, points, scores)
    np.testing.assert_allclose(to_numpy(found)[0, 0], scores[0].max(axis=1))
    best = points[0, np.arange(40), scores[0].argmax(axis=1)]
    np.testing.assert_allclose(to_numpy(keypoints)[0, 0], best)


def test_grouping_by_ucr_weighs_the_peak_with_the_prior():
    boxes = np.array([[[0, 0, 36, 56]]], "float32")
    model = UnaryConditionalRelationship(1)
    prior = np.full((HEIGHT, WIDTH, 1), 0.1, "float32")
    prior[:20] = 0.9
    model.prior.assign(prior)
    points = np.array([[[[10.3, 10.2], [10, 40]]]], "float32")
    for own, rival, winner in ((0.3, 0.5, 0), (0.1, 0.99, 1)):
        scores = np.array([[[own, rival]]], "float32")
        _, found = group(model, boxes, points, scores)
        assert to_numpy(found).item() == pytest.approx(scores[0, 0, winner])


def test_ucr_is_the_product_with_the_prior():
    model = UnaryConditionalRelationship(NUM_KEYPOINTS)
    prior = random_crops(1, seed=1)[0]
    model.prior.assign(prior)
    crops = random_crops()
    expected = crops * prior
    expected /= expected.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(to_numpy(model(crops)), expected, rtol=2e-2, atol=1e-6)


BOX = np.array([[[100.0, 50.0, 136.0, 162.0]]], "float32")  # cells of 1 x 2 pixels


def weights_of(point):
    points = np.array(point, "float32").reshape(1, 1, 1, 2)
    return [to_numpy(part)[0, 0, 0, 0] for part in roi_crop.grid_weights(points, BOX)]


def test_a_point_at_a_cell_centre_fills_that_cell():
    rows, columns, inside = weights_of((100 + 7.5, 50 + 2 * 11.5))
    assert inside == 1
    np.testing.assert_allclose(rows, np.eye(HEIGHT)[11], atol=1e-5)
    np.testing.assert_allclose(columns, np.eye(WIDTH)[7], atol=1e-5)


def test_a_point_between_centres_is_shared():
    rows, columns, _ = weights_of((100 + 8.25, 50 + 2 * 12.0))
    np.testing.assert_allclose(columns[[7, 8]], [0.25, 0.75], atol=1e-5)
    np.testing.assert_allclose(rows[[11, 12]], [0.5, 0.5], atol=1e-5)


@pytest.mark.parametrize(("outside", "inside"), [(0.0, 1), (0.2, 1), (0.22, 0), (3.0, 0)])
def test_points_in_the_margin_are_clamped(outside, inside):
    rows, columns, seen = weights_of((136 + outside * 36, 100))
    assert seen == inside
    assert rows.sum() == pytest.approx(inside, abs=1e-5)
    if inside:
        np.testing.assert_allclose(columns, np.eye(WIDTH)[-1], atol=1e-5)


def test_crop_and_read_against_loops():
    rng = np.random.default_rng(0)
    boxes = np.array([[[0, 0, 50, 80], [20, 10, 90, 99]]], "float32")
    points = rng.uniform(0, 100, (1, NUM_KEYPOINTS, 5, 2)).astype("float32")
    scores = rng.uniform(size=(1, NUM_KEYPOINTS, 5)).astype("float32")
    rows, columns, _ = (to_numpy(x) for x in roi_crop.grid_weights(points, boxes))
    crops = to_numpy(roi_crop.crop(rows, columns, scores))
    values = to_numpy(roi_crop.read(rows, columns, crops))
    for n in range(2):
        for k in range(NUM_KEYPOINTS):
            expected = sum(
                scores[0, k, p] * np.outer(rows[0, n, k, p], columns[0, n, k, p]) for p in range(5)
            )
            np.testing.assert_allclose(crops[n, ..., k], expected, atol=1e-5)
            for p in range(5):
                value = rows[0, n, k, p] @ crops[n, ..., k] @ columns[0, n, k, p]
                assert values[0, n, k, p] == pytest.approx(value, abs=1e-5)


def test_grouping_takes_the_candidate_in_the_box():
    boxes = np.array([[[0, 0, 40, 80], [100, 0, 140, 80]]], "float32")
    points = np.array([[[20.0, 10.0], [120.0, 12.0], [300.0, 300.0]]], "float32")[None]
    scores = np.array([[[0.5, 0.9, 1.0]]], "float32")
    keypoints, keypoint_scores = group(Max(), boxes, points, scores)
    np.testing.assert_allclose(to_numpy(keypoints)[0, :, 0], [[20, 10], [120, 12]])
    np.testing.assert_allclose(to_numpy(keypoint_scores)[0, :, 0], [0.5, 0.9])


def test_grouping_a_keypoint_without_candidate():
    boxes = np.array([[[0, 0, 36, 56]]], "float32")
    points = np.full((1, 1, 2, 2), 500.0, "float32")
    model = UnaryConditionalRelationship(1)
    keypoints, scores = group(model, boxes, points, np.ones((1, 1, 2), "float32"))
    assert to_numpy(scores).item() == 0
    assert 0 <= to_numpy(keypoints).min() and to_numpy(keypoints).max() <= 56


@pytest.mark.one_backend
def test_grouping_looks_at_the_best_candidates_of_every_box():
    rng = np.random.default_rng(1)
    boxes = np.array([[[0, 0, 40, 80], [60, 0, 99, 80]], [[5, 5, 90, 50], [0, 40, 70, 99]]], "f4")
    points = rng.uniform(0, 99, (2, 3, 9, 2)).astype("float32")
    scores = -np.sort(-rng.uniform(0.1, 1, (2, 3, 9)), axis=-1).astype("float32")
    prn = PoseResidualNetwork(3, nodes=4)
    found = [to_numpy(x) for x in grouping.group(prn, boxes, points, scores, 1.0, 2)]
    inside = to_numpy(roi_crop.grid_weights(points, boxes)[2]) > 0
    for image, person in np.ndindex(2, 2):
        # The same by hand: the box alone, and of every keypoint the first two points in it.
        few = np.zeros_like(scores[:1])
        for keypoint in range(3):
            best = np.flatnonzero(inside[image, person, keypoint])[:2]
            few[0, keypoint, best] = scores[image, keypoint, best]
        alone = grouping.group(prn, boxes[image, None, None, person], points[image, None], few)
        for ours, truth in zip(found, alone, strict=True):
            np.testing.assert_allclose(ours[image, person], to_numpy(truth)[0, 0], rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"stride": 4, "residual": False}])
def test_assign_equals_the_way_over_crops(options):
    rng = np.random.default_rng(3)
    prn = PoseResidualNetwork(3, nodes=8, **options)
    corner = rng.uniform(0, 60, (2, 4, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 60, (2, 4, 2))], -1).astype("float32")
    points = rng.uniform(0, 120, (2, 3, 5, 2)).astype("float32")
    scores = rng.uniform(0, 1, (2, 3, 5)).astype("float32")
    fast = [to_numpy(x) for x in compiled(prn.assign)(boxes, points, scores)]
    by_crops = compiled(functools.partial(grouping.assign_by_crops, prn))
    plain = [to_numpy(x) for x in by_crops(boxes, points, scores)]
    inside = plain[1] > 0
    np.testing.assert_allclose(fast[0][inside], plain[0][inside], atol=1e-5)
    np.testing.assert_array_equal(fast[1], plain[1])
    nowhere = ~inside.any(axis=-1)
    assert nowhere.any()
    if prn.stride == 1:
        np.testing.assert_allclose(fast[2][nowhere], plain[2][nowhere], rtol=1e-5)


def test_expected_places_of_a_coarse_prn():
    """The centre of the highest coarse cell, beside which the highest cell of smooth maps lies."""
    prn = PoseResidualNetwork(3, nodes=4, stride=2)
    y, x = np.mgrid[:28, :18]
    centres = [(0.2, 0.3), (13.3, 8.6), (27.0, 17.4)]
    smooth = [np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18) for cy, cx in centres]
    prn.phi.get_layer("cells").bias.assign(np.stack(smooth, axis=-1).ravel().astype("float32"))
    prn.phi.get_layer("hidden1").kernel.assign(np.zeros((28 * 18 * 3, 4), "float32"))
    boxes = np.array([[[10, 20, 82, 132], [0, 0, 36, 56]]], "float32")
    nothing = np.zeros((1, 3, 2, 2), "float32"), np.zeros((1, 3, 2), "float32")
    fast = to_numpy(compiled(prn.assign)(boxes, *nothing)[2])
    by_crops = compiled(functools.partial(grouping.assign_by_crops, prn))
    plain = to_numpy(by_crops(boxes, *nothing)[2])
    cells = np.round(centres)[:, ::-1] + 0.5  # xy
    corners, sizes = boxes[0, :, None, :2], boxes[0, :, None, 2:] - boxes[0, :, None, :2]
    np.testing.assert_allclose(fast[0], corners + cells / (18, 28) * sizes, rtol=1e-5)
    assert (np.abs(fast - plain)[0] <= 0.5001 * sizes / (WIDTH, HEIGHT)).all()


FAINTER = np.array([[0.9, 0.4]], "float32")


@pytest.mark.parametrize("candidates", [None, 2])
def test_an_exclusive_candidate_serves_one_box(candidates):
    # Two boxes share the candidate in their overlap; the fainter one has another besides.
    boxes = np.array([[[0, 0, 40, 80], [20, 0, 60, 80]]], "float32")
    points = np.array([[[[30.0, 40.0], [50.0, 40.0], [300.0, 40.0]]]], "float32")
    scores = np.array([[[0.9, 0.5, 1.0]]], "float32")
    shared = group(Max(), boxes, points, scores, candidates=candidates)
    np.testing.assert_allclose(to_numpy(shared[0])[0, :, 0], [[30, 40], [30, 40]])
    keypoints, found = group(
        Max(), boxes, points, scores, candidates=candidates, box_scores=FAINTER
    )
    np.testing.assert_allclose(to_numpy(keypoints)[0, :, 0], [[30, 40], [50, 40]])
    np.testing.assert_allclose(to_numpy(found)[0, :, 0], [0.9, 0.5])


def test_who_loses_every_candidate_has_none():
    boxes = np.array([[[0, 0, 40, 80], [0, 0, 40, 80]]], "float32")
    points, scores = np.full((1, 1, 1, 2), 30.0, "float32"), np.ones((1, 1, 1), "float32")
    _, found = group(Max(), boxes, points, scores, box_scores=FAINTER)
    np.testing.assert_allclose(to_numpy(found)[0, :, 0], [1.0, 0.0])
