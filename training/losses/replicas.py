"""The copies of a network among which TensorFlow shares a batch.

There a loss sees the rows of one copy. JAX's partitions compute with the whole batch; to them, to
PyTorch and to one device all this is of no importance.
"""

import keras
from keras import ops


def summed(tensors: list) -> list:
    """Each tensor's sum over the copies, which all of them get."""
    context = _context()
    if context is None or not tensors:
        return tensors
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def divisor(count, least: float = 1.0, more: float = 0.0):
    """What a copy divides its sum by if the batch's sum is to be divided by the batch's count.

    The mean of the copies' quotients is the quotient of the whole batch.

    Args:
        count: of what this copy sums, a scalar.
        least: smallest count of a batch.
        more: is added to a batch's count.
    """
    context = _context()
    copies = 1 if context is None else context.num_replicas_in_sync
    (whole,) = summed([count])
    return ops.maximum(whole + more, least) / copies


def _context():
    """TensorFlow's of a copy; None if there is one alone, or outside a step."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
