"""Losses on heatmaps: against loops in NumPy, at extreme outputs, and without weight."""

import numpy as np
import pytest
from keras import ops

from multiposenet.training import losses

SHAPE = (2, 5, 4, 3)  # two keypoints and the mask


def batch(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    target = rng.uniform(size=shape).astype("float32")
    logits = rng.normal(scale=3, size=shape).astype("float32")
    weight = rng.integers(0, 2, shape).astype("float32")
    return target, logits, weight


def value(tensor):
    return float(ops.convert_to_numpy(tensor))


def test_weighted_l2_against_a_loop():
    target, maps, weight = batch()
    total = 0.0
    for index in np.ndindex(SHAPE):
        total += weight[index] * (float(target[index]) - maps[index]) ** 2
    loss = losses.weighted_l2(target, maps, weight)
    assert value(loss) == pytest.approx(total / target.size, rel=1e-5)


@pytest.mark.parametrize(("mask_share", "gamma"), [(2.0, 1.0), (0.5, 2.0), (0.0, 0.0)])
def test_quality_focal_against_a_loop(mask_share, gamma):
    target, logits, weight = batch(1)
    target[1, ..., 0] *= 0.3  # nobody shows the first keypoint in the second photo
    keypoints = mask = mask_weight = 0.0
    for index in np.ndindex(SHAPE):
        t, p = float(target[index]), 1 / (1 + np.exp(-float(logits[index])))
        entropy = -t * np.log(p) - (1 - t) * np.log(1 - p)
        if index[-1] < 2:
            keypoints += weight[index] * abs(t - p) ** gamma * entropy
        else:
            mask += weight[index] * entropy
            mask_weight += weight[index]
    expected = keypoints / 3 + mask_share * mask / (mask_weight + 1)
    loss = losses.quality_focal(target, logits, weight, mask_share=mask_share, gamma=gamma)
    assert value(loss) == pytest.approx(expected, rel=1e-4)


def test_soft_jaccard_of_sets_is_that_of_counts():
    rng = np.random.default_rng(1)
    target, found, weight = (rng.integers(0, 2, (2, 6, 5)).astype("float32") for _ in range(3))
    known = weight > 0
    both = ((target > 0) & (found > 0) & known).sum()
    either = (((target > 0) | (found > 0)) & known).sum()
    assert value(losses.soft_jaccard(target, found, weight)) == pytest.approx(1 - both / either)
    assert value(losses.soft_jaccard(target, target, weight)) == 0
    assert value(losses.soft_jaccard(target, found, 0 * weight)) == 0


def test_the_masks_overlap_is_added():
    target, logits, weight = batch(7)
    alone, both = (
        value(losses.quality_focal(target, logits, weight, mask_overlap=share))
        for share in (0.0, 3.0)
    )
    p = 1 / (1 + np.exp(-logits[..., -1]))
    overlap = losses.soft_jaccard(target[..., -1], p, weight[..., -1])
    assert both == pytest.approx(alone + 3 * value(overlap), rel=1e-5)


def test_a_perfect_prediction_costs_the_least():
    target, _, weight = batch(2)
    target = target.clip(0.02, 0.98)
    target[..., -1] = np.round(target[..., -1])
    perfect = np.log(target.clip(1e-6) / (1 - target).clip(1e-6))
    loss = value(losses.quality_focal(target, perfect, weight))
    assert loss < 1e-4
    assert value(losses.quality_focal(target, perfect + 1, weight)) > loss
    assert value(losses.weighted_l2(target, target, weight)) == 0


@pytest.mark.parametrize("logit", [-1e4, -80.0, 80.0, 1e4])
def test_finite_at_extreme_logits(logit):
    target, _, weight = batch(3)
    target[0, 0, 0] = 0.0
    target[0, 0, 1] = 1.0
    logits = np.full(SHAPE, logit, "float32")
    for gamma in (1.0, 2.0):
        loss = value(losses.quality_focal(target, logits, weight, gamma=gamma))
        assert np.isfinite(loss) and loss > 0


def test_no_weight_no_loss():
    target, logits, _ = batch(4)
    zero = np.zeros(SHAPE, "float32")
    assert value(losses.weighted_l2(target, logits, zero)) == 0
    assert value(losses.quality_focal(target, logits, zero)) == 0


def test_cells_without_weight_do_not_count():
    target, logits, weight = batch(5)
    changed = np.where(weight > 0, logits, 50 * logits)
    for loss in (losses.weighted_l2, losses.quality_focal):
        assert value(loss(target, logits, weight)) == value(loss(target, changed, weight))


@pytest.mark.parametrize("name", ["weighted_l2", "quality_focal"])
def test_gradients(name):
    """None without weight, finite everywhere, and equal to finite differences."""
    tensorflow = pytest.importorskip("tensorflow")
    loss = getattr(losses, name)
    target, logits, weight = batch(6)
    logits[0, 0, 0], logits[0, 0, 1] = -1e3, 1e3
    variable = tensorflow.Variable(logits)
    with tensorflow.GradientTape() as tape:
        result = loss(tensorflow.constant(target), variable, tensorflow.constant(weight))
    gradient = tape.gradient(result, variable).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[weight == 0] == 0).all() and np.abs(gradient[weight > 0]).min() > 0
    for index in [(0, 2, 1, 0), (1, 3, 2, 1), (1, 1, 1, 2)]:
        step = np.zeros(SHAPE, "float32")
        step[index] = 1e-2
        high, low = (value(loss(target, logits + sign * step, weight)) for sign in (1, -1))
        assert gradient[index] == pytest.approx((high - low) / 2e-2, rel=2e-2, abs=2e-3)
