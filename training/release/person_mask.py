"""Teaches a ``separable_keypoint_subnet`` the person mask and leaves its heatmaps as they are.

A MoveNet's pyramid and heatmap head know people from more photos than there are at hand, and lose
that when they are trained on these (docs/experiments/movenet.md). It has no mask. The mask is made
by what a MoveNet has no part in: the further channels of the pyramid, of D2 and of the head, and
D3...D5. Where no label tells who is a person, a model that has learnt masks does.
"""

import keras
import numpy as np
from keras import ops

from multiposenet.networks.movenet_pyramid import PYRAMID
from multiposenet.networks.public_weights.movenet_weights import head_layers
from multiposenet.training.losses import binary_crossentropy
from multiposenet.training.losses.replicas import divisor
from multiposenet.training.release.taught import TaughtBatches
from multiposenet.training.stages.fine_tuning import train_only
from multiposenet.training.stages.frozen_features import BackboneFeatures

_LEVELS = tuple(name for level in PYRAMID for name in (f"d{level}_", f"k{level}_bn"))


class PersonMaskStage(keras.Model):
    """The person mask of a ``MultiPoseNet`` on a MoveNet's backbone; see ``loop.fitting.fit``.

    Args:
        model: the ``MultiPoseNet``, trained in place; all but its mask stays the same.
    """

    NAME = "person_mask_stage"

    def __init__(self, model):
        super().__init__(name=self.NAME)
        train_only(model, model.keypoint_pyramid, model.keypoint_subnet)
        self._confined, self.system = _confine(model), model
        self.built = True

    def call(self, features, training=None):
        """``(B, H/4, W/4, 1)`` logits of the backbone's levels, as ``mask_batches`` has them."""
        features = {level: ops.cast(x, "float32") for level, x in features.items()}
        return {"mask": self.system.keypoint_maps([features], training=training)["maps"][..., -1:]}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, weight = (ops.cast(y[name], "float32") for name in ("target", "weight"))
        entropy = binary_crossentropy(target, y_pred["mask"])
        return ops.sum(weight * entropy) / divisor(ops.sum(weight))

    def release(self):
        """Leaves the heatmaps exactly as they were, and lets go of what kept them so.

        An average of weights is taken of each step's before a constraint puts them right.
        """
        for variable in self._confined:
            variable.assign(variable.constraint(variable))
            variable.constraint = None


def mask_batches(batches, model, teacher):
    """Batches of the keypoint stage as ``PersonMaskStage`` needs them.

    Args:
        batches: ``KeypointBatches``.
        model: the ``MultiPoseNet`` that is trained, whose backbone learns nothing.
        teacher: function of images ``(B, H, W, 3)`` to their masks ``(B, H/4, W/4, 1)``, from 0 to
            1, which stand where no label does.

    Returns:
        ``BackboneFeatures`` with ``target`` and ``weight`` ``(B, H/4, W/4, 1)``.
    """
    taught = TaughtBatches(batches, teacher, np.s_[-1:])
    return BackboneFeatures(taught, model.backbone, model.keypoint_pyramid.input)


class Kept:
    """A constraint: the first elements of a variable along some axes stay as they are.

    Args:
        variable: whose values now are those that stay.
        place: index of what stays, of slices.
    """

    def __init__(self, variable, place):
        self.values = ops.convert_to_numpy(variable)
        self.kept = np.zeros(self.values.shape, bool)
        self.kept[place] = True

    def __call__(self, value):
        return ops.where(self.kept, self.values, value)


def _confine(model):
    """Leaves the mask's part of pyramid and subnet trainable; returns the variables in part so."""
    subnet = model.keypoint_subnet
    for layer in model.keypoint_pyramid.layers:
        layer.trainable = layer.name.startswith("further")
    depthwise, pointwise, last = shared = head_layers(subnet)
    added = subnet.get_layer("d2_conv2_pointwise")
    for layer in subnet.layers:
        layer.trainable = layer in shared or layer.name.startswith(_LEVELS)
    # The heatmaps' inputs are the first channels of K2, to which D2 adds nothing; theirs the first
    # channels of the head.
    inner, outer = PYRAMID[2][1], _used(last.kernel)
    places = [
        (added.kernel, np.s_[..., :inner]),
        (added.bias, np.s_[:inner]),
        (depthwise.kernel, np.s_[:, :, :inner]),
        (pointwise.kernel, np.s_[..., :outer]),
        (pointwise.bias, np.s_[:outer]),
        (last.kernel, np.s_[..., :-1]),
        (last.bias, np.s_[:-1]),
    ]
    for variable, place in places:
        variable.constraint = Kept(variable, place)
    return [variable for variable, _ in places]


def _used(kernel):
    """How many channels the heatmaps are made of: those behind have kernels of 0."""
    kernel = ops.convert_to_numpy(kernel)[0, 0, :, :-1]
    return int(np.flatnonzero(np.abs(kernel).any(axis=1)).max()) + 1
