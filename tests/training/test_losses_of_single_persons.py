"""Losses of single-person networks against loops."""

import numpy as np
import pytest
from keras import ops

from multiposenet.training import losses

SHAPE = (2, 4, 3, 5)


def batch(seed=0):
    rng = np.random.default_rng(seed)
    target, maps = rng.uniform(0.02, 0.98, (2, *SHAPE)).astype("float32")
    return target, maps, rng.integers(0, 2, (2, 5)).astype("float32")


def value(tensor):
    return float(ops.convert_to_numpy(tensor))


def test_map_l2_against_a_loop():
    target, maps, weight = batch()
    total = sum(
        weight[b, k] * (float(target[b, i, j, k]) - maps[b, i, j, k]) ** 2 / 12
        for b, i, j, k in np.ndindex(SHAPE)
    )
    assert value(losses.map_l2(target, maps, weight)) == pytest.approx(
        total / weight.sum(), rel=1e-5
    )


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_map_focal_against_a_loop(gamma):
    target, maps, weight = batch(1)
    total = 0.0
    for b, i, j, k in np.ndindex(SHAPE):
        t, p = float(target[b, i, j, k]), float(maps[b, i, j, k])
        entropy = -t * np.log(p) - (1 - t) * np.log(1 - p)
        total += weight[b, k] * abs(t - p) ** gamma * entropy
    found = value(losses.map_focal(target, maps, weight, gamma=gamma))
    assert found == pytest.approx(total / weight.sum(), rel=1e-3)


def test_map_focal_is_finite_at_the_ends():
    target = np.array([0.0, 1.0, 0.0, 1.0], "float32").reshape(1, 2, 2, 1)
    maps = np.array([0.0, 1.0, 1.0, 0.0], "float32").reshape(1, 2, 2, 1)
    assert np.isfinite(value(losses.map_focal(target, maps, np.ones((1, 1), "float32"))))


@pytest.mark.parametrize("loss", [losses.map_l2, losses.map_focal])
def test_nothing_known(loss):
    target, maps, _ = batch(2)
    assert value(loss(target, maps, np.zeros((2, 5), "float32"))) == 0


def test_both_branches_over_all_stacks():
    target, maps, weight = batch(3)
    centred, other, _ = batch(4)
    own = {"stack1": maps, "heatmaps": other}
    outputs = {"own": own, "centred": {**own, "stack2": target}}
    found = losses.symmetric_stn(target, centred, outputs, weight, parallel=0.5)
    expected = sum(value(losses.map_l2(target, x, weight)) for x in (maps, other))
    expected += 0.5 * sum(value(losses.map_l2(centred, x, weight)) for x in (maps, other, target))
    assert value(found) == pytest.approx(expected, rel=1e-5)
