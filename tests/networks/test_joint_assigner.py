"""The joint assigner: what its answer may and may not depend on."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.networks.roi_crop import grid_weights, relative_places

NUM_KEYPOINTS = 3


@pytest.fixture(scope="module")
def assigner():
    model = JointAssigner(NUM_KEYPOINTS, width=8, rounds=2, heads=2)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:  # so that nothing is zero
        weight.assign(rng.normal(0, 0.4, weight.shape))
    return model


def scene(rng, people=4, peaks=5, images=2):
    corner = rng.uniform(0, 60, (images, people, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(30, 90, corner.shape)], axis=-1)
    points = rng.uniform(-10, 100, (images, NUM_KEYPOINTS, peaks, 2))
    scores = rng.uniform(0.1, 1, points.shape[:3]) * (rng.random(points.shape[:3]) < 0.8)
    return boxes, points, scores


compiled_assign = functools.cache(lambda assigner: compiled(assigner.assign))


def assign(assigner, *scene):
    return [ops.convert_to_numpy(x) for x in compiled_assign(assigner)(*scene)]


def test_shapes_and_scores(assigner):
    boxes, points, scores = scene(np.random.default_rng(1))
    logits, candidate_scores, expected = assign(assigner, boxes, points, scores)
    assert logits.shape == candidate_scores.shape == (2, 4, NUM_KEYPOINTS, 5)
    assert expected.shape == (2, 4, NUM_KEYPOINTS, 2)
    _, _, inside = grid_weights(ops.cast(points, "float32"), ops.cast(boxes, "float32"))
    inside = ops.convert_to_numpy(inside)
    np.testing.assert_allclose(candidate_scores, inside * scores[:, None], rtol=1e-6)
    assert 0.1 < (candidate_scores > 0).mean() < 0.8
    np.testing.assert_array_equal(logits[candidate_scores == 0], -30)
    assert len(np.unique(logits[candidate_scores > 0])) == (candidate_scores > 0).sum()


def test_the_order_of_boxes_candidates_and_images_tells_nothing(assigner):
    rng = np.random.default_rng(2)
    boxes, points, scores = scene(rng)
    people, peaks, images = rng.permutation(4), rng.permutation(5), [1, 0]
    logits, _, expected = assign(assigner, boxes, points, scores)
    shuffled = assign(
        assigner,
        boxes[images][:, people],
        points[images][:, :, peaks],
        scores[images][:, :, peaks],
    )
    np.testing.assert_allclose(
        shuffled[0], logits[images][:, people][..., peaks], rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(shuffled[2], expected[images][:, people], rtol=1e-3, atol=1e-3)


@pytest.mark.one_backend
def test_padding_tells_nothing(assigner):
    boxes, points, scores = scene(np.random.default_rng(3))
    logits, _, _ = assign(assigner, boxes, points, scores)
    more_boxes = np.concatenate([boxes, np.tile([[[0, 0, 1, 1]]], (2, 3, 1))], axis=1)
    points = np.concatenate([points, np.full((2, NUM_KEYPOINTS, 4, 2), -1e4)], axis=2)
    scores = np.concatenate([scores, np.zeros((2, NUM_KEYPOINTS, 4))], axis=2)
    padded, _, _ = assign(assigner, more_boxes, points, scores)
    np.testing.assert_allclose(padded[:, :4, :, :5], logits, rtol=1e-3, atol=1e-4)


@pytest.mark.one_backend
def test_a_rival_counts_and_a_stranger_does_not(assigner):
    points = np.array([[[[20, 20], [30, 60]], [[22, 40], [35, 45]], [[18, 70], [38, 75]]]])
    scores = np.ones(points.shape[:3])
    alone = np.array([[[0, 0, 40, 80]]], float)
    stranger = np.concatenate([alone, [[[200, 0, 240, 80]]]], axis=1)
    rival = np.concatenate([alone, [[[10, 0, 50, 80]]]], axis=1)
    answers = [assign(assigner, b, points, scores)[0][:, 0] for b in (alone, stranger, rival)]
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-3, atol=1e-4)
    assert np.abs(answers[2] - answers[0]).min() > 1e-3


@pytest.mark.one_backend
def test_only_the_surest_candidates_are_considered(assigner):
    rng = np.random.default_rng(4)
    points = rng.uniform(0, 80, (1, NUM_KEYPOINTS, 6, 2))
    scores = rng.permutation(np.linspace(0.2, 1, 18)).reshape(1, NUM_KEYPOINTS, 6)
    boxes = np.tile([[[0, 0, 80, 80]]], (1, 3, 1)).astype(float)
    few = JointAssigner(NUM_KEYPOINTS, width=8, rounds=2, heads=2, max_tokens=7)
    few.set_weights(assigner.get_weights())
    limited = assign(few, boxes, points, scores)[0]
    surest = scores > np.sort(scores.ravel())[-8]
    whole = assign(assigner, boxes, points, scores * surest)[0]
    np.testing.assert_allclose(limited, whole, rtol=1e-3, atol=1e-4)
    assert (limited > -30).sum() == 3 * 7


def test_places_relative_to_boxes():
    found = relative_places(
        ops.convert_to_tensor([[[[10.0, 20.0], [30.0, 60.0], [20.0, 68.0], [20.0, 69.0]]]]),
        ops.convert_to_tensor([[[10.0, 20.0, 30.0, 60.0]]]),
    )
    x, y, inside = (ops.convert_to_numpy(part)[0, 0, 0] for part in found)
    np.testing.assert_allclose(x, [0, 1, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(y, [0, 1, 1.2, 1.225], rtol=1e-6)
    np.testing.assert_array_equal(inside, [1, 1, 1, 0])


@pytest.mark.not_on_jax
def test_group_and_saving(assigner, tmp_path):
    boxes = [[0, 0, 40, 80], [100, 0, 140, 80]]
    keypoints = [[[20, 10, 0.5], [120, 12, 0.9]], [[118, 40, 0.7]], []]
    found = assigner.group(boxes, keypoints)
    np.testing.assert_array_equal(found.index, [[0, -1, -1], [1, 0, -1]])
    copy = JointAssigner.from_config(assigner.get_config())
    assigner.save_weights(tmp_path / "a.weights.h5")
    copy.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(
        copy.group(boxes, keypoints).probabilities, found.probabilities, rtol=1e-5
    )
    saved = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(assigner))
    assert saved.get_config() == assigner.get_config()


@pytest.mark.one_backend
def test_default_size():
    assert JointAssigner().count_params() < 200_000


def test_width_must_fit_the_heads():
    with pytest.raises(ValueError, match="width is 10; use a multiple of heads, 4"):
        JointAssigner(width=10)
