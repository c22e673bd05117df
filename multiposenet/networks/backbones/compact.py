"""A compact backbone of our own for CPUs, to be trained from scratch."""

import keras
from keras import layers

from multiposenet.networks.layers import ImageNormalization, conv_unit


def nano(*, filters=(40, 80, 160, 224), blocks=(1, 2, 2, 2), name="nano"):
    """A compact backbone for CPUs: a strided stem, then stages of basic residual blocks.

    Args:
        filters: channels of C2, C3, C4, C5.
        blocks: residual blocks per stage.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict of C2...C5.
    """
    images = keras.Input((None, None, 3), name="images")
    x = ImageNormalization("centered", name="normalization")(images)
    x = conv_unit(x, 24, strides=2, norm=True, name="stem")
    outputs = {}
    for stage, (width, count) in enumerate(zip(filters, blocks, strict=True), start=2):
        for block in range(1, count + 1):
            x = _basic_block(x, width, 2 if block == 1 else 1, f"stage{stage}_block{block}")
        outputs[f"C{stage}"] = x
    return keras.Model(images, outputs, name=name)


def _basic_block(x, filters, stride, name):
    shortcut = x
    if stride > 1:
        shortcut = layers.AveragePooling2D(stride, padding="same", name=f"{name}_0_pool")(shortcut)
    if shortcut.shape[-1] != filters:
        shortcut = conv_unit(shortcut, filters, 1, norm=True, relu=False, name=f"{name}_0")
    x = conv_unit(x, filters, strides=stride, norm=True, name=f"{name}_1")
    x = conv_unit(x, filters, norm=True, relu=False, name=f"{name}_2")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))
