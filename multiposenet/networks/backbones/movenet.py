"""MoveNet's MobileNetV2, a backbone that has seen people.

MoveNet (Google, tensorflow.org/hub/tutorials/movenet) is a CenterNet on the features of a
MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) and a feature pyramid (arXiv 1612.03144). Its
released graphs have no batch normalization, which is folded into kernels and biases. Layers have
the names of ``keras.applications.MobileNetV2``; ``movenet_weights`` fills them.
"""

import keras
from keras import layers

from multiposenet.networks.layers import ImageNormalization

WIDTHS = {"movenet_lightning": 1.0, "movenet_multipose": 1.5, "movenet_thunder": 1.75}

# Stride, expansion and channels of each stage's first block, and how many blocks there are.
STAGES = (
    (1, 1, 16, 1),
    (2, 6, 24, 2),
    (2, 6, 32, 3),
    (2, 6, 64, 4),
    (1, 6, 96, 3),
    (2, 6, 160, 3),
    (1, 6, 320, 1),
)
_TAPS = {2: "C2", 5: "C3", 9: "C4_lower", 12: "C4"}  # block to level
TOP_CHANNELS = 1280


def movenet_backbone(name):
    """The MobileNetV2 of a MoveNet.

    Args:
        name: a key of ``WIDTHS``.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict of C2, C3, C4 (strides
        4, 8, 16: the last block of each), C5 (stride 32, the 1280 channels behind the last
        block) and C4_lower, the block within C4's stride that MoveNet's own pyramid begins from.
    """
    images = keras.Input((None, None, 3), name="images")
    x = ImageNormalization("centered", name="normalization")(images)
    x = layers.Conv2D(_channels(32, name), 3, 2, "same", name="Conv1")(x)
    x = layers.ReLU(6, name="Conv1_relu")(x)
    outputs, block = {}, 0
    for stride, expansion, channels, blocks in STAGES:
        for index in range(blocks):
            x = _inverted_residual(
                x, stride if index == 0 else 1, expansion, _channels(channels, name), block
            )
            if block in _TAPS:
                outputs[_TAPS[block]] = x
            block += 1
    x = layers.Conv2D(TOP_CHANNELS, 1, name="Conv_1")(x)
    outputs["C5"] = layers.ReLU(6, name="out_relu")(x)
    return keras.Model(images, outputs, name=name)


def _channels(count, name):
    """MobileNetV2's channels at a width: rounded to multiples of 8."""
    return int(count * WIDTHS[name] + 4) // 8 * 8


def _inverted_residual(x, stride, expansion, channels, block):
    name, y = f"block_{block}" if block else "expanded_conv", x
    if expansion > 1:
        y = layers.Conv2D(expansion * x.shape[-1], 1, name=f"{name}_expand")(y)
        y = layers.ReLU(6, name=f"{name}_expand_relu")(y)
    y = layers.DepthwiseConv2D(3, stride, "same", name=f"{name}_depthwise")(y)
    y = layers.ReLU(6, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(channels, 1, name=f"{name}_project")(y)
    joined = stride == 1 and x.shape[-1] == channels
    return layers.Add(name=f"{name}_add")([x, y]) if joined else y
