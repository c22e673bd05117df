"""Teaches a ``separable_keypoint_subnet`` the person mask and leaves its heatmaps as they are.

A MoveNet's pyramid and heatmap head know people from more photos than there are at hand, and lose
that when they are trained on these (docs/experiments/movenet.md). It has no mask. The mask is made
by what a MoveNet has no part in: the further channels of the pyramid, of D2 and of the head, and
D3...D5. The backbone learns nothing, so that its features of the patches are computed once.
"""

import keras
import numpy as np
from keras import ops

from multiposenet.networks.movenet_pyramid import PYRAMID
from multiposenet.networks.public_weights.movenet_weights import head_layers
from multiposenet.training.loop.loader import prefetch

_LEVELS = tuple(name for level in PYRAMID for name in (f"d{level}_", f"k{level}_bn"))


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


def teach(model, batches, count, epochs, learning_rate=3e-3, report=lambda epoch, loss: None):
    """Trains the mask of a ``MultiPoseNet`` on a MoveNet's backbone, in place.

    Args:
        model: the ``MultiPoseNet``; its heatmaps and all else but the mask stay the same.
        batches: function of the step to images and ``{"target", "weight"}``, as
            ``KeypointBatches``, of photos with masks.
        count: batches that are made.
        epochs: how often each is seen.
        learning_rate: at first; it falls along a cosine.
        report: function of each epoch's number, from 0, and its mean loss.

    Returns:
        Mean loss of each epoch.
    """
    kept = [(_features(model, images), y) for images, y in prefetch(batches, range(count))]
    pyramid, subnet, others = model.keypoint_pyramid, model.keypoint_subnet, _confine(model)
    maps = subnet(pyramid(pyramid.input))["maps"]
    mask = keras.Model(pyramid.input, maps[..., -1:])
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, count * epochs)
    mask.compile(keras.optimizers.Adam(schedule), keras.losses.BinaryCrossentropy(from_logits=True))
    rng, losses = np.random.default_rng(0), []
    for epoch in range(epochs):
        found = []
        for index in rng.permutation(count):
            features, y = kept[index]
            x = {key: level.astype(np.float32) for key, level in features.items()}
            target, weight = (y[name][..., -1:].astype(np.float32) for name in ("target", "weight"))
            found.append(float(mask.train_on_batch(x, target, sample_weight=weight[..., 0])))
        losses.append(float(np.mean(found)))
        report(epoch, losses[-1])
    for variable in others:
        variable.constraint = None
    return losses


def _features(model, images):
    """What the keypoint pyramid takes of a batch of images, in half precision."""
    features = model.backbone.predict_on_batch(images.astype(np.float32))
    return {key: features[key].astype(np.float16) for key in model.keypoint_pyramid.input}


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
