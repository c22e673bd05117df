"""Batch statistics after weight averaging."""

import keras
import numpy as np
import pytest

from multiposenet.training.loop.batch_statistics import recalibrate


def network(trainable=True):
    inner = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(name="norm")])
    inner.layers[0].trainable = trainable
    return keras.Sequential([keras.Input((3,)), inner]), inner.layers[0]


def test_statistics_are_the_mean_over_batches():
    model, norm = network()
    batches = np.random.default_rng(0).normal(5, 3, (4, 64, 3)).astype("float32")
    momentum = norm.momentum
    recalibrate(model, batches)
    mean, variance = norm.get_weights()[2:]
    np.testing.assert_allclose(mean, batches.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(variance, batches.var(axis=1).mean(axis=0), rtol=1e-3)
    assert norm.momentum == momentum


def test_frozen_statistics_stay():
    model, norm = network(trainable=False)
    before = norm.get_weights()
    recalibrate(model, np.ones((2, 8, 3), "float32"))
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_batch_is_drawn_without_need():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])

    def batches():
        pytest.fail("drew a batch")
        yield

    recalibrate(model, batches())


def test_statistics_of_later_layers_follow_those_before():
    """A normalization of normalized values, against the same in NumPy."""
    first, second = (keras.layers.BatchNormalization(epsilon=0.25) for _ in range(2))
    model = keras.Sequential([keras.Input((3,)), first, keras.layers.ReLU(), second])
    batches = np.random.default_rng(1).normal(-1, 2, (3, 32, 3)).astype("float32")
    recalibrate(model, list(batches))
    wanted = []
    for x in batches:
        hidden = np.maximum((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 0.25), 0)
        wanted.append((hidden.mean(axis=0), hidden.var(axis=0)))
    mean, variance = np.mean(wanted, axis=0)
    np.testing.assert_allclose(second.get_weights()[2], mean, rtol=1e-4)
    np.testing.assert_allclose(second.get_weights()[3], variance, rtol=1e-4)


def test_an_error_leaves_the_momentum():
    model, norm = network()
    momentum = norm.momentum

    def batches():
        yield np.ones((2, 3), "float32")
        raise KeyError("no such photo")

    with pytest.raises(KeyError):
        recalibrate(model, batches())
    assert norm.momentum == momentum
