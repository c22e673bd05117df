"""Batch-normalization statistics of averaged weights."""

import keras


def recalibrate(model, batches):
    """Replaces the moving statistics of all trainable batch normalizations by means over batches.

    Training keeps them for the weights of each step. Averaged weights have less noise and other
    activations: with the old statistics the nano's keypoint AP50 is about half.

    Args:
        model: ``keras.Model``; frozen layers stay as they are.
        batches: iterable of inputs, as in training.
    """
    norms = [
        layer
        for layer in _layers(model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    for index, x in enumerate(batches):
        for layer in norms:
            layer.momentum = index / (index + 1)  # the mean of all batches so far
        model(x, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def _layers(model):
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)
