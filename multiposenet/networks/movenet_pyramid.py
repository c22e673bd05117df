"""MoveNet's own pyramid as the keypoint pyramid of MultiPoseNet; ``movenet_weights`` fills it."""

import keras
from keras import layers

from multiposenet.networks.layers import BilinearDoubling

# Channels of a lateral convolution and of the level itself; level 5 is its lateral alone.
PYRAMID = {5: (64, 64), 4: (64, 32), 3: (32, 24), 2: (24, 24)}
_LATERAL_FROM = {5: "C5", 4: "C4_lower", 3: "C3", 2: "C2"}


def movenet_pyramid(features, name="keypoint_pyramid"):
    """A feature pyramid (arXiv 1612.03144) of separable convolutions.

    Args:
        features: ``{"C2": (channels, stride), ...}`` of its backbone, C4_lower included.
        name: name of the model.

    Returns:
        A ``keras.Model`` from the dict C2, C3, C4_lower and C5 to the dict K2 (24 channels), K3
        (24), K4 (32), which end in a ReLU, and K5 (64), which does not.
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
    return keras.Model(inputs, {key: outputs[key] for key in sorted(outputs)}, name=name)


def separable_unit(x, channels, *, name, relu=True, **kwargs):
    """A 3x3 convolution of each channel, a 1x1 convolution of them, optionally rectified."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.Conv2D(channels, 1, name=f"{name}_pointwise", **kwargs)(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x
