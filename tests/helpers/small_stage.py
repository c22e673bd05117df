"""A stage small enough to be trained in a test, with all that a checkpoint must hold."""

import keras
import numpy as np
from keras import layers, ops

from multiposenet.training import losses
from multiposenet.training.recipes.base import Recipe


class Stage(keras.Model):
    """A regression with batch normalization and dropout, each if wanted.

    If ``counted``, the loss is a mean over some of the rows, so that the shares of a batch have
    different numbers of them.
    """

    def __init__(self, norm=True, dropout=0.3, width=1, counted=False):
        super().__init__(name="line")
        parts = [keras.Input((3,)), layers.Dense(6, activation="relu")]
        parts += [layers.BatchNormalization(momentum=0.7)] if norm else []
        parts += [layers.Dropout(dropout)] if dropout else []
        self.net = keras.Sequential([*parts, layers.Dense(width)])
        self.counted = counted
        self.error = keras.metrics.Mean("error")
        self.built = True

    def call(self, x, training=None):
        return self.net(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.error.update_state(ops.mean(ops.abs(y["target"] - y_pred)))
        if self.counted:
            known = ops.cast(y["target"] > 0.3, "float32")
            target, found = (ops.reshape(v, (-1, 1, 1, 1)) for v in (y["target"], y_pred))
            return losses.map_l2(target, found, known)
        return ops.mean(ops.square(y["target"] - y_pred))


def recipe(**changes):
    fields = {"batch_size": 8, "learning_rate": 0.05, "warmup": 2, "clip_norm": 1.0, "ema": 0.8}
    return Recipe(**(fields | {"precision": "float32", "validate_every": 5} | changes))


def batch(step):
    x = np.random.default_rng(step).normal(2.0, 3.0, (8, 3)).astype("float32")
    return x, {"target": x @ np.array([[0.2], [-0.3], [0.1]], "float32")}


def weights(stage):
    return [ops.convert_to_numpy(weight) for weight in stage.weights]
