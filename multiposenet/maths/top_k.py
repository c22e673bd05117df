"""The highest of many values, fast: peaks of heatmaps and candidates of boxes are chosen by it."""

import keras
from keras import ops

# Runtimes spend time in proportion to length times count; this is near the best for both uses.
SEGMENT = 16
_NOTHING = float("-inf")
_TENSORFLOW = keras.backend.backend() == "tensorflow"


def highest(values, count):
    """As ``ops.top_k``: the highest values of the last axis, but only few of them are sorted.

    Every segment of neighbours is judged by its highest value first. The ``count`` highest values
    lie in the ``count`` best segments, so that only these are looked into. Of equal values the
    first comes first, in both steps, as in ``ops.top_k``.

    Args:
        values: tensor ``(B, ..., n)``; n may be smaller than ``count``. A dynamic n must be a
            multiple of ``SEGMENT``.
        count: k, how many are wanted.

    Returns:
        ``values (B, ..., k)``, highest first, and ``indices (B, ..., k)`` int32. With n < k the
        surplus values are minus infinity, their indices n - 1.
    """
    length = values.shape[-1]
    fixed = isinstance(length, int)
    lead, last = ops.shape(values)[:-1], ops.shape(values)[-1] - 1
    if fixed and length <= 2 * count * SEGMENT:
        found, indices = ops.top_k(_padded(values, max(0, count - length)), count)
    else:
        values = _padded(values, -length % SEGMENT) if fixed else values
        segments = ops.shape(values)[-1] // SEGMENT
        values = ops.reshape(values, (*lead, segments, SEGMENT))
        best = ops.max(values, axis=-1)
        # With a dynamic length there might be fewer segments than wanted.
        best = ops.sort(ops.top_k(best if fixed else _padded(best, count), count)[1], axis=-1)
        inside = pick(values, ops.minimum(best, segments - 1))
        if not fixed:
            inside = ops.where((best < segments)[..., None], inside, _NOTHING)
        found, places = ops.top_k(ops.reshape(inside, (*lead, count * SEGMENT)), count)
        indices = pick(best, places // SEGMENT) * SEGMENT + places % SEGMENT
    return found, ops.minimum(ops.cast(indices, "int32"), last)


def _padded(values, count):
    """With so many more values at the end of the last axis, which are never the highest."""
    widths = [[0, 0]] * (len(values.shape) - 1) + [[0, count]]
    return ops.pad(values, widths, constant_values=_NOTHING) if count else values


def highest_of_runs(values, length, count):
    """The highest value of every run of so many neighbours; of these the highest.

    Args:
        values: tensor ``(B, n)``; n, a multiple of the length, may be dynamic.
        length: of a run.
        count: k, how many runs are wanted.

    Returns:
        ``values`` and ``indices``, both ``(B, k)``, as ``highest`` returns them; with less than k
        runs, surplus indices are some of the last run.
    """
    count_runs = ops.shape(values)[-1] // length
    runs = ops.reshape(values, (-1, count_runs, length))
    best = _padded(ops.max(runs, axis=-1), SEGMENT - 1)
    found, which = highest(best[:, : ops.shape(best)[-1] // SEGMENT * SEGMENT], count)
    which = ops.minimum(which, count_runs - 1)
    place = ops.top_k(pick(runs, which), 1)[1][..., 0]
    return found, which * length + ops.cast(place, "int32")


def pick(values, indices):
    """As ``ops.take_along_axis``, of values or of rows of them, in a quarter of the operations.

    Args:
        values: tensor ``(B, ..., n, *row)``; all but the row may be dynamic.
        indices: ``(B, ..., m)`` integers of 0...n - 1; m may not be dynamic.

    Returns:
        ``(B, ..., m, *row)``.
    """
    axis = len(indices.shape) - 1
    row, wanted = values.shape[axis + 1 :], indices.shape[axis]
    flat = ops.reshape(indices, (-1, wanted))
    first = ops.arange(ops.shape(flat)[0], dtype=indices.dtype) * ops.shape(values)[axis]
    taken = rows_at(ops.reshape(values, (-1, *row)), flat + first[:, None])
    return ops.reshape(taken, (-1, *ops.shape(indices)[1:], *row))


def rows_at(values, indices):
    """As ``ops.take`` along the first axis, of indices from 0 on.

    In TensorFlow, Keras would look for negative ones with five more operations, in each of some
    twenty places of a graph.
    """
    if not _TENSORFLOW or isinstance(values, keras.KerasTensor):
        return ops.take(values, indices, axis=0)
    import tensorflow as tf

    return tf.gather(values, indices)
