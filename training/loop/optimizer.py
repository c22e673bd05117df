"""The optimizer of every stage: Adam whose steps mean the same however a batch is divided."""

import keras
from keras import ops

from multiposenet.training.losses import replicas

LEAST_SIZE = 1e-3  # a variable of zeros could never leave them by steps relative to its size


class Adam(keras.optimizers.Adam):
    """Adam with decoupled weight decay, gradient clipping and averaged weights, all once a step.

    Keras' own optimizer averages the weights after every accumulated part, and under
    ``tf.distribute`` clips the gradient of each device before it adds them up. Here both act on
    the gradient of the whole batch: the result does not depend on the number of parts or devices.

    Args:
        weight_decay: 0 for none.
        clip_norm: greatest global norm of the gradient; 0 does not clip.
        ema: momentum of the average of the weights; 0 does not average. After t steps it is
            t / (9 + t) at most, or short trainings' averages would hold initial weights.
        accumulate: parts of a batch.
        rates: each trainable variable's share of the learning rate, in their order; all 1 if empty.
            Variables of less than 1 do not decay: they are pretrained, and behind normalizations
            that are frozen, smaller kernels would mean smaller activations.
        relative: of each trainable variable, whether its steps are shares of its root mean square
            (Adafactor, Shazeer & Stern 2018, arXiv 1804.04235, section 8), as kernels need into
            which batch normalizations are folded: their sizes differ a thousandfold. None are if
            empty.

    Attributes:
        gradient_norm: variable, the global norm of the last part's gradient before clipping. Not
            finite if the gradient is not.
    """

    def __init__(
        self, weight_decay=0.0, clip_norm=0.0, ema=0.0, accumulate=1, rates=(), relative=()
    ):
        super().__init__(
            learning_rate=0.0,  # assigned before every step
            weight_decay=weight_decay or None,
            global_clipnorm=clip_norm or None,
            use_ema=ema > 0,
            ema_momentum=ema,
            ema_overwrite_frequency=None,
            gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        )
        self.rates, self.relative = list(rates), list(relative)
        self.gradient_norm = self.add_variable(
            (), name="gradient_norm", aggregation="only_first_replica"
        )

    def build(self, variables):
        slow = [v for v, rate in zip(variables, self.rates, strict=False) if rate < 1]
        if slow:
            self.exclude_from_weight_decay(var_list=slow)
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        known = iter(replicas.summed([gradient for gradient in grads if gradient is not None]))
        grads = [None if gradient is None else next(known) for gradient in grads]
        squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads if g is not None]
        self.gradient_norm.assign(ops.sqrt(sum(squares)))
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        share = self.rates[index] if self.rates else 1.0
        if self.relative and self.relative[index]:
            size = ops.sqrt(ops.mean(ops.square(variable)))
            share = share * ops.maximum(size, LEAST_SIZE)
        super().update_step(gradient, variable, learning_rate * share)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)  # done before clipping

    def _update_model_variables_moving_average(self, trainable_variables):
        parts = self.gradient_accumulation_steps or 1
        done = ops.cast(self._iterations // parts, "float32")
        momentum = ops.minimum(self.ema_momentum, done / (9.0 + done))
        last_part = ops.cast((self._iterations + 1) % parts == 0, "float32")
        new = last_part * (1.0 - momentum)  # nothing before the last part
        for weight, average in zip(
            trainable_variables, self._model_variables_moving_average, strict=True
        ):
            share = ops.cast(new, average.dtype)
            average.assign(average * (1.0 - share) + weight * share)
