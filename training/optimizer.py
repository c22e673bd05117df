"""The optimizer of every stage: Adam whose steps mean the same however a batch is divided."""

import keras
from keras import ops


class Adam(keras.optimizers.Adam):
    """Adam with decoupled weight decay, gradient clipping and averaged weights, all once a step.

    Keras' own optimizer averages the weights after every accumulated part, and under
    ``tf.distribute`` clips the gradient of each device before it adds them up. Here both act on
    the gradient of the whole batch: the result does not depend on the number of parts or devices.

    Args:
        weight_decay: 0 for none.
        clip_norm: greatest global norm of the gradient; 0 does not clip.
        ema: momentum of the average of the weights; 0 does not average.
        accumulate: parts of a batch.

    Attributes:
        gradient_norm: variable, the global norm of the last part's gradient before clipping. Not
            finite if the gradient is not.
    """

    def __init__(self, weight_decay=0.0, clip_norm=0.0, ema=0.0, accumulate=1):
        super().__init__(
            learning_rate=0.0,  # assigned before every step
            weight_decay=weight_decay or None,
            global_clipnorm=clip_norm or None,
            use_ema=ema > 0,
            ema_momentum=ema,
            ema_overwrite_frequency=None,
            gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        )
        self.gradient_norm = self.add_variable(
            (), name="gradient_norm", aggregation="only_first_replica"
        )

    def apply(self, grads, trainable_variables=None):
        grads = _sum_over_replicas(grads)
        squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads if g is not None]
        self.gradient_norm.assign(ops.sqrt(sum(squares)))
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)  # done before clipping

    def _update_model_variables_moving_average(self, trainable_variables):
        parts = self.gradient_accumulation_steps or 1
        first = ops.cast(self._iterations < parts, "float32")
        last_part = ops.cast((self._iterations + 1) % parts == 0, "float32")
        # 1 - momentum: nothing before the last part, everything after the first step.
        new = last_part * (first + (1.0 - first) * (1.0 - self.ema_momentum))
        for weight, average in zip(
            trainable_variables, self._model_variables_moving_average, strict=True
        ):
            share = ops.cast(new, average.dtype)
            average.assign(average * (1.0 - share) + weight * share)


def _sum_over_replicas(grads):
    """Adds up the devices' gradients where ``tf.distribute`` has a copy of the network on each."""
    if keras.backend.backend() != "tensorflow":
        return grads
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return grads
    kept = [gradient for gradient in grads if gradient is not None]
    summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, kept))
    return [None if gradient is None else next(summed) for gradient in grads]
