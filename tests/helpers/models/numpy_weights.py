"""Initial weights drawn by NumPy: JAX compiles a program for every shape that it draws."""

import types

import keras
import numpy as np


def _generator(seed):
    return np.random.default_rng(np.asarray(keras.src.backend.random.draw_seed(seed)))


def _uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    values = _generator(seed).random(shape, np.float32)
    values *= maxval - minval
    values += minval
    return values.astype(dtype, copy=False)


def _normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return (mean + stddev * _generator(seed).standard_normal(shape, np.float32)).astype(dtype)


def _truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Values beyond two deviations are drawn again."""
    generator = _generator(seed)
    values = generator.standard_normal(shape, np.float32)
    while (far := np.abs(values) > 2).any():
        values[far] = generator.standard_normal(far.sum(), np.float32)
    return (mean + stddev * values).astype(dtype)


def draw_initial_weights(monkeypatch):
    """From now on, Keras' initializers draw from the same distributions with NumPy."""
    from keras.src.initializers import random_initializers

    draws = {"uniform": _uniform, "normal": _normal, "truncated_normal": _truncated_normal}
    module = types.SimpleNamespace(**(vars(random_initializers.random) | draws))
    monkeypatch.setattr(random_initializers, "random", module)
