"""Feature pyramid networks (Lin et al. 2017, arXiv 1612.03144), used twice by MultiPoseNet.

The keypoint pyramid gives K2...K5, the person pyramid P3...P7 as RetinaNet has it
(MultiPoseNet, section 3.1).
"""

import keras
from keras import layers

from multiposenet.networks.layers import UpsampleLike, conv_unit

P6_FROM = ("C5", "P5")
STRIDED_PADDING = ("same", "symmetric")


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


def person_pyramid(
    features,
    channels=256,
    *,
    norm=False,
    p6_from="C5",
    strided_padding="same",
    name="person_pyramid",
):
    """P3...P7 from C3...C5; P6 and P7 by strided convolutions (RetinaNet).

    Args:
        features, channels, norm, name: as of ``keypoint_pyramid``.
        p6_from: what P6 is made from, ``"C5"`` as in RetinaNet and keras-retinanet, or ``"P5"`` as
            in torchvision.
        strided_padding: of the strided convolutions, ``"same"`` as Keras pads, where needed at the
            right and bottom alone, or ``"symmetric"``, one cell at each side, as PyTorch.

    Returns:
        As of ``keypoint_pyramid``, with the keys P3...P7.

    Raises:
        ValueError: ``p6_from`` or ``strided_padding`` is another.
    """
    if p6_from not in P6_FROM or strided_padding not in STRIDED_PADDING:
        raise ValueError(
            f"person_pyramid: p6_from is {p6_from!r}, strided_padding is {strided_padding!r}; use "
            f"one of {', '.join(P6_FROM)} and of {', '.join(STRIDED_PADDING)}"
        )
    inputs = _inputs(features, (3, 4, 5))
    levels = _top_down(inputs, _strides(features, (3, 4, 5)), channels, norm)
    x = inputs["C5"] if p6_from == "C5" else levels[5]
    for level in (6, 7):
        if level == 7:
            x = layers.ReLU(name="level6_relu")(x)
        if strided_padding == "symmetric":
            x = layers.ZeroPadding2D(1, name=f"level{level}_pad")(x)
        padding = "same" if strided_padding == "same" else "valid"
        x = levels[level] = conv_unit(
            x,
            channels,
            strides=2,
            padding=padding,
            norm=norm,
            relu=False,
            name=f"level{level}_smooth",
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
