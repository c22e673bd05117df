"""MoveNet's own pyramid as the keypoint pyramid of MultiPoseNet; ``movenet_weights`` fills it."""

import keras
from keras import layers

from multiposenet.networks.layers import BilinearDoubling

# Channels of a lateral convolution and of the level itself; level 5 is its lateral alone.
PYRAMID = {5: (64, 64), 4: (64, 32), 3: (32, 24), 2: (24, 24)}
_LATERAL_FROM = {5: "C5", 4: "C4_lower", 3: "C3", 2: "C2"}


def movenet_pyramid(features, further=0, name="keypoint_pyramid"):
    """A feature pyramid (arXiv 1612.03144) of separable convolutions.

    Args:
        features: ``{"C2": (channels, stride), ...}`` of its backbone, C4_lower included.
        further: channels of every level beside MoveNet's, behind them. They see all of the level
            below and the backbone's features, MoveNet's own see nothing of them.
        name: name of the model.

    Returns:
        A ``keras.Model`` from the dict C2, C3, C4_lower and C5 to the dict K2 (24 channels and the
        further ones), K3 (24), K4 (32), which end in a ReLU, and K5 (64), whose own do not.
    """
    keys = sorted(_LATERAL_FROM.values())
    inputs = {key: keras.Input((None, None, features[key][0]), name=key) for key in keys}
    outputs, coarser = {}, None
    for level, (lateral, channels) in PYRAMID.items():
        x = layers.Conv2D(lateral, 1, name=f"level{level}_lateral")(inputs[_LATERAL_FROM[level]])
        if coarser is not None:
            coarser = BilinearDoubling(name=f"level{level + 1}_upsampled")(coarser)
            x = layers.Add(name=f"level{level}_merged")([x, coarser])
            x = separable_unit(x, channels, name=f"level{level}_smooth")
        outputs[f"K{level}"] = coarser = x
    if further:
        _widen(outputs, inputs, further)
    return keras.Model(inputs, {key: outputs[key] for key in sorted(outputs)}, name=name)


def _widen(outputs, inputs, channels):
    """Appends a pyramid of the same form to K5...K2, fed with whole levels."""
    coarser = None
    for level in PYRAMID:
        name, own = f"further{level}", outputs[f"K{level}"]
        # MoveNet's features differ a hundredfold in size.
        x = layers.BatchNormalization(name=f"{name}_bn")(inputs[_LATERAL_FROM[level]])
        x = layers.Conv2D(channels, 1, name=f"{name}_lateral")(x)
        if coarser is not None:
            coarser = layers.BatchNormalization(name=f"{name}_coarser_bn")(coarser)
            coarser = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_coarser")(coarser)
            x = layers.Add(name=f"{name}_merged")(
                [x, BilinearDoubling(name=f"{name}_upsampled")(coarser)]
            )
        x = separable_unit(layers.ReLU(name=f"{name}_relu")(x), channels, name=f"{name}_smooth")
        outputs[f"K{level}"] = coarser = layers.Concatenate(name=f"level{level}_wide")([own, x])


def separable_unit(x, channels, *, name, relu=True, **kwargs):
    """A 3x3 convolution of each channel, a 1x1 convolution of them, optionally rectified."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.Conv2D(channels, 1, name=f"{name}_pointwise", **kwargs)(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x
