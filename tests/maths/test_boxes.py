"""Coding, matching and NMS against keras-retinanet's values and plain loops."""

import functools
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.maths.anchors import AnchorSpec, anchors_for_image, anchors_for_levels
from multiposenet.maths.boxes import CODINGS, decode, encode, match, nms

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "keras_retinanet.npz")
NOTHING = float("-inf")


# Coding


def test_coding_equals_keras_retinanet():
    anchors, boxes = REFERENCE["coding_anchors"], REFERENCE["coding_boxes"]
    deltas = ops.convert_to_numpy(encode(anchors, boxes))
    np.testing.assert_allclose(deltas, REFERENCE["coding_deltas"], rtol=1e-4, atol=1e-5)
    decoded = ops.convert_to_numpy(decode(anchors, REFERENCE["decoding_deltas"]))
    np.testing.assert_allclose(decoded, REFERENCE["decoding_boxes"], atol=1e-4)


def test_coding_by_centre_and_size():
    """Twice as wide, half a width to the right, and far too wide."""
    anchor = np.array([[10.0, 20, 30, 30]])
    deltas = [0.5, 0, math.log(2), 0]
    box = [[10.0, 20, 50, 30]]
    coded = ops.convert_to_numpy(encode(anchor, box, "centre_size"))
    np.testing.assert_allclose(coded, [deltas], atol=1e-6)
    decoded = ops.convert_to_numpy(decode(anchor, [deltas, [0, 0, 99, 0]], "centre_size"))
    np.testing.assert_allclose(decoded, [box[0], [20 - 625, 20, 20 + 625, 30]], rtol=1e-5)


@pytest.mark.parametrize("coding", CODINGS)
def test_decode_inverts_encode_and_broadcasts(coding):
    rng = np.random.default_rng(0)
    anchors = random_boxes(rng, (30,))
    boxes = random_boxes(rng, (2, 30))
    np.testing.assert_allclose(
        ops.convert_to_numpy(decode(anchors, encode(anchors, boxes, coding), coding)),
        boxes,
        atol=1e-3,
    )


# Matching


def test_matching_equals_keras_retinanet():
    anchors = anchors_for_image(tuple(REFERENCE["matching_anchors_size"]))
    labels, index = match(
        anchors, REFERENCE["matching_boxes"], image_size=REFERENCE["matching_image_size"]
    )
    np.testing.assert_array_equal(index, REFERENCE["matching_index"])
    np.testing.assert_array_equal(labels, REFERENCE["matching_labels"])
    assert {*labels} == {-1, 0, 1} and (labels == 1).sum() > 100


def test_matching_equals_a_loop():
    rng = np.random.default_rng(1)
    anchors = anchors_for_image((96, 128))
    boxes = random_boxes(rng, (9,), 90)
    ignore = random_boxes(rng, (3,), 90)
    labels, index = match(anchors, boxes, ignore, image_size=(70, 100))
    seen = set()
    for anchor, label, best in zip(anchors.astype(float), labels, index, strict=True):
        ious = [plain_iou(anchor, box) for box in boxes.astype(float)]
        x, y = (anchor[0] + anchor[2]) / 2, (anchor[1] + anchor[3]) / 2
        area = (anchor[2] - anchor[0]) * (anchor[3] - anchor[1])
        if x >= 100 or y >= 70:
            case = "outside"
        elif max(ious) >= 0.5:
            case = "positive"
        elif max(ious) > 0.4:
            case = "between"
        elif any(shared_area(anchor, box) >= area / 2 for box in ignore.astype(float)):
            case = "crowd"
        else:
            case = "negative"
        seen.add(case)
        assert label == {"positive": 1, "negative": 0}.get(case, -1), case
        assert best == ious.index(max(ious))
    assert seen == {"outside", "positive", "between", "crowd", "negative"}


def test_matching_at_the_thresholds_and_of_ties():
    anchors = np.array([[0, 0, 10, 10]] * 3 + [[50, 50, 60, 60]], float)
    labels, index = match(anchors, np.array([[0, 0, 10, 5], [0, 5, 10, 10]]))
    assert labels.tolist() == [1, 1, 1, 0]  # exactly 0.5 is positive
    assert index.tolist() == [0, 0, 0, 0]  # the first of two equals
    assert match(anchors, np.array([[0, 0, 10, 4]]))[0].tolist() == [0, 0, 0, 0]  # exactly 0.4
    assert match(anchors, np.array([[0, 0, 10, 4.01]]))[0].tolist() == [-1, -1, -1, 0]


def test_matching_without_boxes():
    anchors = anchors_for_image((32, 32))
    labels, index = match(anchors, np.zeros((0, 4)))
    assert not labels.any() and not index.any()
    labels, _ = match(anchors, np.zeros((0, 4)), np.array([[-1e3, -1e3, 1e3, 1e3]]))
    assert (labels == -1).all()


def test_positives_win_over_crowds_and_nothing_is_positive_outside_the_image():
    anchors = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float)
    labels, _ = match(anchors, anchors, ignore_boxes=anchors, image_size=(10, 20))
    assert labels.tolist() == [1, -1]


# Non-maximum suppression


def random_boxes(rng, shape, size=100.0):
    corner, sides = rng.uniform(0, size, (*shape, 2)), rng.uniform(1, size, (*shape, 2))
    return np.concatenate([corner, corner + sides], axis=-1).astype("float32")


def shared_area(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def plain_iou(a, b):
    shared = shared_area(a, b)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if shared else 0.0


def greedy(boxes, scores, threshold, max_output, score_threshold=NOTHING):
    """The textbook algorithm, one box after the other."""
    kept = []
    for index in sorted(range(len(scores)), key=lambda index: -scores[index]):
        box = boxes[index].astype(float)
        if scores[index] > score_threshold and all(
            plain_iou(box, boxes[other].astype(float)) <= threshold for other in kept
        ):
            kept.append(index)
    return kept[:max_output]


@functools.cache
def nms_of(max_output, candidates):
    return compiled(lambda *values: nms(*values[:3], max_output, values[3], candidates))


def run_nms(boxes, scores, threshold, max_output, score_threshold=NOTHING, candidates=1000):
    found = nms_of(max_output, candidates)(boxes, scores, threshold, score_threshold)
    indices, valid = (ops.convert_to_numpy(x) for x in found)
    assert indices.dtype == np.int32 and valid.dtype == bool
    assert indices.shape == valid.shape == (len(boxes), max_output)
    assert (valid[:, :-1] >= valid[:, 1:]).all() and not indices[~valid].any()
    return [row[used].tolist() for row, used in zip(indices, valid, strict=True)]


@pytest.mark.parametrize("count", [1, 7, 200])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
def test_nms_is_greedy_on_random_boxes(count, threshold):
    rng = np.random.default_rng(count)
    boxes, scores = random_boxes(rng, (3, count)), rng.uniform(size=(3, count)).astype("float32")
    expected = [greedy(b, s, threshold, 20) for b, s in zip(boxes, scores, strict=True)]
    assert run_nms(boxes, scores, threshold, 20) == expected


@pytest.mark.parametrize("candidates", [1000, 40])
def test_nms_keeps_the_order_of_tied_scores(candidates):
    rng = np.random.default_rng(2)
    # Integer boxes tie in IoU, too; ten scores for sixty boxes.
    boxes = np.round(random_boxes(rng, (4, 60), 12))
    boxes[..., 2:] += 1
    scores = rng.integers(0, 10, (4, 60)) / 10
    # A cut through a group of ties would leave the choice to the backend.
    scores = np.where(scores < np.sort(scores)[:, -30:-29], NOTHING, scores).astype("float32")
    expected = [greedy(b, s, 0.45, 60, NOTHING) for b, s in zip(boxes, scores, strict=True)]
    assert run_nms(boxes, scores, 0.45, 60, candidates=max(candidates, 60)) == expected
    expected = [row[:10] for row in expected]
    assert run_nms(boxes, scores, 0.45, 10, candidates=candidates) == expected


def test_nms_of_a_long_chain_of_suppressions():
    # Each box overlaps only its neighbours: whether one falls depends on all before it.
    x = np.arange(64, dtype="float32")[:, None] * 6
    boxes = np.concatenate([x, 0 * x, x + 10, 0 * x + 10], axis=1)[None]
    scores = np.linspace(1, 0.1, 64, dtype="float32")[None]
    assert run_nms(boxes, scores, 0.2, 64) == [list(range(0, 64, 2))]


def test_nms_of_degenerate_boxes():
    boxes = np.array(
        [
            [5, 5, 5, 5],  # a point, twice: no area, no overlap
            [5, 5, 5, 5],
            [0, 0, 10, 10],
            [0, 0, 10, 10],  # a duplicate falls
            [10, 10, 0, 0],  # inside out
            [0, 3, 10, 3],  # a line
        ],
        "float32",
    )[None]
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]], "float32")
    assert run_nms(boxes, scores, 0.5, 6) == [[0, 1, 2, 4, 5]]


def test_nms_needs_more_than_the_threshold_to_suppress():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 5.1]]], "float32")
    scores = np.array([[0.9, 0.8, 0.7]], "float32")
    assert run_nms(boxes, scores, 0.5, 3) == [[0, 1]]


def test_nms_score_threshold_and_padding():
    boxes = np.array([[[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]]], "float32")
    scores = np.array([[0.2, 0.5, 0.9]], "float32")
    assert run_nms(boxes, scores, 0.5, 5, score_threshold=0.2) == [[2, 1]]
    assert run_nms(boxes, scores, 0.5, 5, score_threshold=0.9) == [[]]
    assert run_nms(boxes, np.full((1, 3), NOTHING, "float32"), 0.5, 2) == [[]]


def test_nms_equals_keras_retinanet_filter():
    boxes, scores = REFERENCE["filter_boxes"], REFERENCE["filter_scores"]
    (kept,) = run_nms(boxes[None], scores[None], 0.4, 120, score_threshold=0.3)
    used = REFERENCE["filter_kept_scores"] >= 0
    assert 60 < used.sum() < 120
    np.testing.assert_array_equal(scores[kept], REFERENCE["filter_kept_scores"][used])
    np.testing.assert_array_equal(boxes[kept], REFERENCE["filter_kept_boxes"][used])


@keras.saving.register_keras_serializable(package="test_boxes")
class Detect(keras.layers.Layer):
    """Anchors of an unknown image size, decoding and NMS, as a network has them."""

    SPEC = AnchorSpec(sizes=(16,), strides=(8,))

    def call(self, features):
        shape = ops.shape(features)
        anchors = anchors_for_levels([shape[1:3]], self.SPEC)
        flat = ops.reshape(features, (shape[0], -1, 5))
        boxes = decode(anchors, flat[..., :4])
        return nms(boxes, flat[..., 4], 0.3, 12, score_threshold=0.0, candidates=50)


def test_inside_a_model_of_unknown_image_size():
    inputs = keras.Input((None, None, 9 * 5))
    model = keras.Model(inputs, Detect()(inputs))
    rng = np.random.default_rng(3)
    for rows, columns in ((2, 3), (5, 4)):
        features = rng.normal(0, 1, (2, rows, columns, 45)).astype("float32")
        indices, valid = model.predict(features, verbose=0)
        flat = features.reshape(2, -1, 5)
        anchors = anchors_for_image((8 * rows, 8 * columns), Detect.SPEC)
        boxes = ops.convert_to_numpy(decode(anchors, flat[..., :4]))
        for n in range(2):
            best = np.argsort(-flat[n, :, 4])[:50]
            kept = greedy(boxes[n][best], flat[n, best, 4], 0.3, 12, 0.0)
            assert indices[n][valid[n]].tolist() == best[kept].tolist()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports through TensorFlow")
def test_exported(tmp_path):
    import tensorflow as tf

    inputs = keras.Input((None, None, 9 * 5))
    model = keras.Model(inputs, Detect()(inputs))
    model.export(tmp_path / "saved", verbose=False)
    features = np.random.default_rng(4).normal(0, 1, (2, 4, 6, 45)).astype("float32")
    expected = model(features)
    exported = tf.saved_model.load(str(tmp_path / "saved")).serve(features)
    compiled = tf.function(model, jit_compile=True)(tf.constant(features))
    for one, other, third in zip(expected, exported, compiled, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiles and differentiates by JAX")
def test_compiled_and_differentiated_by_jax():
    import jax

    rng = np.random.default_rng(5)
    boxes, scores = random_boxes(rng, (2, 30)), rng.uniform(size=(2, 30)).astype("float32")

    def kept_scores(boxes, scores):
        indices, valid = nms(boxes, scores, 0.3, 10)
        kept = ops.where(valid, ops.take_along_axis(scores, indices, axis=1), 0.0)
        return ops.sum(kept), (indices, valid)

    expected = nms(boxes, scores, 0.3, 10)
    gradient, result = jax.jit(jax.grad(kept_scores, argnums=1, has_aux=True))(boxes, scores)
    for one, other in zip(expected, result, strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(gradient.sum()) == float(expected[1].sum())
