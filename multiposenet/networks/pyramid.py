"""Feature pyramid networks (Lin et al. 2017, arXiv 1612.03144), used twice by MultiPoseNet.

The keypoint pyramid gives K2...K5, the person pyramid P3...P7 as RetinaNet has it
(MultiPoseNet, section 3.1).
"""

import keras
from keras import layers

from multiposenet.networks.layers import UpsampleLike, conv_unit


def keypoint_pyramid(features, channels=256, *, norm=False, name="keypoint_pyramid"):
    """K2...K5 from C2...C5.

    Args:
        features: ``{"C2": (channels, stride), ...}`` as ``backbones.levels`` gives.
        channels: depth of every level.
        norm: batch-normalize the convolutions (not in the paper; helps short trainings).
        name: name of the model.

    Returns:
        A ``keras.Model`` from the dict C2...C5 to the dict K2...K5.
    """
    inputs = _inputs(features, (2, 3, 4, 5))
    levels = _top_down(inputs, _strides(features, (2, 3, 4, 5)), channels, norm)
    return keras.Model(inputs, {f"K{level}": x for level, x in levels.items()}, name=name)


def person_pyramid(features, channels=256, *, norm=False, name="person_pyramid"):
    """P3...P7 from C3...C5; P6 and P7 by strided convolutions from C5 (RetinaNet).

    Args and return as in ``keypoint_pyramid``, with the keys P3...P7.
    """
    inputs = _inputs(features, (3, 4, 5))
    levels = _top_down(inputs, _strides(features, (3, 4, 5)), channels, norm)
    levels[6] = conv_unit(
        inputs["C5"], channels, strides=2, norm=norm, relu=False, name="level6_smooth"
    )
    rectified = layers.ReLU(name="level6_relu")(levels[6])
    levels[7] = conv_unit(
        rectified, channels, strides=2, norm=norm, relu=False, name="level7_smooth"
    )
    return keras.Model(inputs, {f"P{level}": x for level, x in levels.items()}, name=name)


def _inputs(features, levels):
    keys = [f"C{level}" for level in levels]
    return {key: keras.Input((None, None, features[key][0]), name=key) for key in keys}


def _strides(features, levels):
    return {level: features[f"C{level}"][1] for level in levels}


def _top_down(inputs, strides, channels, norm):
    outputs, coarser, previous = {}, None, None
    for level in sorted(strides, reverse=True):
        x = conv_unit(
            inputs[f"C{level}"], channels, 1, norm=norm, relu=False, name=f"level{level}_lateral"
        )
        if coarser is not None:
            factor = strides[previous] // strides[level]
            if factor > 1:
                coarser = UpsampleLike(factor, name=f"level{previous}_upsampled")(coarser, x)
            x = layers.Add(name=f"level{level}_merged")([x, coarser])
        coarser, previous = x, level
        outputs[level] = conv_unit(x, channels, norm=norm, relu=False, name=f"level{level}_smooth")
    return {level: outputs[level] for level in sorted(strides)}
