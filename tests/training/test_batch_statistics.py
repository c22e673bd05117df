"""Batch statistics after weight averaging."""

import keras
import numpy as np
import pytest

from multiposenet.training.batch_statistics import recalibrate


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
