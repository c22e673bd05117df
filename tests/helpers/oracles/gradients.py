"""Derivatives by the backend that runs."""

import keras
import numpy as np
from keras import ops


def gradient(function, value):
    """d function(x) / dx at an array, as an array; ``function`` gives a scalar tensor."""
    value = np.asarray(value, "float32")
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(function))(value))
    if keras.backend.backend() == "torch":
        import torch

        x = torch.tensor(value, requires_grad=True)
        function(x).backward()
        return x.grad.numpy()
    import tensorflow as tf

    x = tf.constant(value)
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = function(x)
    return ops.convert_to_numpy(tape.gradient(result, x))


def finite_differences(function, value, step=1e-6):
    """The same by central differences, of a function of float64 arrays."""
    value = np.asarray(value, "float64")
    result = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        high, low = value.copy(), value.copy()
        high[index] += step
        low[index] -= step
        result[index] = (function(high) - function(low)) / (2 * step)
    return result
