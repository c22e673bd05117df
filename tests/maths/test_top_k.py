"""The highest values, against NumPy's stable sort."""

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.maths.top_k import highest, highest_of_runs, pick


def expected(values, count):
    order = np.argsort(-values, axis=-1, kind="stable")[..., :count]
    return np.take_along_axis(values, order, axis=-1), order


@pytest.mark.parametrize("length", [8, 40, 257, 1000, 1008])
def test_against_a_sort(length):
    values = np.random.default_rng(length).normal(size=(2, 3, length)).astype("float32")
    found, indices = (ops.convert_to_numpy(x) for x in highest(ops.convert_to_tensor(values), 8))
    for ours, truth in zip((found, indices), expected(values, 8), strict=True):
        np.testing.assert_array_equal(ours, truth)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="its top_k promises no order")
def test_of_equal_values_the_first():
    values = np.random.default_rng(0).integers(0, 5, (3, 2000)).astype("float32")
    _, indices = highest(ops.convert_to_tensor(values), 20)
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), expected(values, 20)[1])


def test_fewer_than_wanted():
    found, indices = highest(ops.convert_to_tensor([[1.0, 3.0, 2.0]]), 5)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), [[3, 2, 1, -np.inf, -np.inf]])
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), [[1, 2, 0, 2, 2]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="has dynamic lengths")
@pytest.mark.parametrize("length", [16, 32, 128, 1008])
def test_dynamic_length(length):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def of_any_length(values):
        return highest(values, 6)

    values = np.random.default_rng(1).normal(size=(2, length)).astype("float32")
    found, indices = of_any_length(values)
    wanted, order = expected(values, 6)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(indices, order)


@pytest.mark.parametrize("runs", [3, 8, 50, 500])
@pytest.mark.parametrize("dynamic", [False, True])
def test_highest_of_runs(runs, dynamic):
    values = np.random.default_rng(2).normal(size=(2, runs * 9)).astype("float32")

    def best(values):
        return highest_of_runs(values, 9, 8)

    if dynamic:
        tf = pytest.importorskip("tensorflow")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("only TensorFlow has dynamic lengths")
        best = tf.function(best, input_signature=[tf.TensorSpec((None, None), tf.float32)])
    found, indices = (ops.convert_to_numpy(x) for x in best(ops.convert_to_tensor(values)))
    best_of_run = values.reshape(2, runs, 9).max(axis=-1)
    wanted, which = expected(best_of_run, 8)
    some = wanted.shape[1]
    np.testing.assert_array_equal(found[:, :some], wanted)
    assert (found[:, some:] == -np.inf).all()
    np.testing.assert_array_equal(indices[:, :some] // 9, which)
    np.testing.assert_array_equal(np.take_along_axis(values, indices, 1)[:, :some], wanted)


@pytest.mark.parametrize("row", [(), (4,), (2, 3)])
def test_pick_against_numpy(row):
    rng = np.random.default_rng(len(row))
    values = rng.normal(size=(2, 3, 7, *row)).astype("float32")
    indices = rng.integers(0, 7, (2, 3, 5)).astype("int32")
    found = ops.convert_to_numpy(
        pick(ops.convert_to_tensor(values), ops.convert_to_tensor(indices))
    )
    apart = indices.reshape(*indices.shape, *(1,) * len(row))
    np.testing.assert_array_equal(found, np.take_along_axis(values, apart, axis=2))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="has dynamic lengths")
def test_pick_of_dynamic_sizes():
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None)), tf.TensorSpec((None, None, 2), tf.int32)]
    graph = tf.function(pick, input_signature=signature)
    values = np.random.default_rng(0).normal(size=(2, 3, 7)).astype("float32")
    indices = np.array([[[0, 6], [1, 1], [2, 5]]] * 2, "int32")
    found = ops.convert_to_numpy(graph(values, indices))
    np.testing.assert_array_equal(found, np.take_along_axis(values, indices, axis=2))
