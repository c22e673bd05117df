"""Backbones: an RGB image in, the feature maps C2, C3, C4 and C5 out.

MultiPoseNet section 3.1 uses ResNet-50 and ResNet-101, the latter also with dilated convolutions.
``efficientnet_lite0`` and ``nano`` are for CPUs; the latter is ours, to be trained from scratch.
"""

import os

import keras
from keras import layers

from multiposenet.errors import WeightsError
from multiposenet.networks.efficientnet_lite import efficientnet_lite0
from multiposenet.networks.layers import ImageNormalization, conv_unit

LEVELS = ("C2", "C3", "C4", "C5")
EPSILON = 1.001e-5  # of the ResNets' batch normalizations, as in keras.applications
_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def resnet(
    depth=50,
    *,
    dilated_stages=(),
    weights=None,
    stem_padding="symmetric",
    name=None,
):
    """ResNet (He et al. 2015, arXiv 1512.03385) with the layer names of ``keras.applications``.

    Args:
        depth: 50 or 101.
        dilated_stages: stages of (4, 5) whose stride is replaced by dilation: ``(5,)`` gives C5 at
            stride 16, ``(4, 5)`` gives C4 and C5 at stride 8.
        weights: ``None``, or ``"imagenet"`` for the weights of ``keras.applications`` (downloaded
            by Keras on first use).
        stem_padding: of the first convolution and pooling: ``"symmetric"`` as
            ``keras.applications``, ``"same"`` as keras-retinanet.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict of C2...C5.

    Raises:
        ValueError: unknown depth, stage or padding.
        WeightsError: the ImageNet weights could not be had.
    """
    if depth not in _BLOCKS:
        raise ValueError(f"resnet: depth is {depth}; use one of {tuple(_BLOCKS)}")
    if not set(dilated_stages) <= {4, 5} or (4 in dilated_stages and 5 not in dilated_stages):
        raise ValueError(f"resnet: dilated_stages is {dilated_stages}; use (), (5,) or (4, 5)")
    if stem_padding not in ("symmetric", "same"):
        raise ValueError(f"resnet: stem_padding is {stem_padding!r}; use 'symmetric' or 'same'")
    images = keras.Input((None, None, 3), name="images")
    x = ImageNormalization("caffe", name="normalization")(images)
    if stem_padding == "symmetric":
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, 2, name="conv1_conv")(x)
    else:
        x = layers.Conv2D(64, 7, 2, "same", name="conv1_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name="conv1_bn")(x)
    x = layers.ReLU(name="conv1_relu")(x)
    if stem_padding == "symmetric":
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    else:
        x = layers.MaxPooling2D(3, 2, "same", name="pool1_pool")(x)
    outputs, dilation = {}, 1
    for stage, blocks in enumerate(_BLOCKS[depth], start=2):
        stride = 1 if stage == 2 else 2
        entry_dilation = dilation
        if stage in dilated_stages:
            # The first block keeps the dilation of its input, as in DeepLab and DRN.
            stride, dilation = 1, dilation * 2
        for block in range(1, blocks + 1):
            first = block == 1
            x = _bottleneck(
                x,
                32 * 2 ** (stage - 1),
                stride if first else 1,
                entry_dilation if first else dilation,
                project=first,
                name=f"conv{stage}_block{block}",
            )
        outputs[f"C{stage}"] = x
    model = keras.Model(images, outputs, name=name or f"resnet{depth}")
    if weights == "imagenet":
        _load_imagenet(model, depth)
    elif weights is not None:
        raise ValueError(f"resnet: weights is {weights!r}; use None or 'imagenet'")
    return model


def _bottleneck(x, filters, stride, dilation, *, project, name):
    def norm(y, suffix):
        return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_{suffix}_bn")(y)

    shortcut = x
    if project:
        shortcut = layers.Conv2D(4 * filters, 1, stride, name=f"{name}_0_conv")(x)
        shortcut = norm(shortcut, 0)
    x = layers.ReLU(name=f"{name}_1_relu")(
        norm(layers.Conv2D(filters, 1, stride, name=f"{name}_1_conv")(x), 1)
    )
    x = layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, name=f"{name}_2_conv")(x)
    x = layers.ReLU(name=f"{name}_2_relu")(norm(x, 2))
    x = norm(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x), 3)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def _load_imagenet(model, depth):
    application = getattr(keras.applications, f"ResNet{depth}")
    try:
        source = application(weights="imagenet", include_top=False, input_shape=(None, None, 3))
    except Exception as error:
        home = os.environ.get("KERAS_HOME", "~/.keras")
        file = f"resnet{depth}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        raise WeightsError(
            f"{file}: could not be downloaded ({str(error).splitlines()[0]}); fetch it from "
            "github.com/keras-team/keras-applications/releases/tag/resnet on a machine with "
            f"internet and put it into {home}/models/"
        ) from error
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


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


BUILDERS = {
    "resnet50": lambda weights: resnet(50, weights=weights),
    "resnet101": lambda weights: resnet(101, weights=weights),
    "resnet101_dilated": lambda weights: resnet(
        101, dilated_stages=(5,), weights=weights, name="resnet101_dilated"
    ),
    "efficientnet_lite0": lambda weights: efficientnet_lite0(weights=weights),
    "nano": lambda weights: nano(),
}
COMPACT = ("efficientnet_lite0", "nano")  # go with compact pyramids, subnets and PRN


def build(backbone, weights=None):
    """A backbone by name, or a ``keras.Model`` checked and passed through.

    Args:
        backbone: a key of ``BUILDERS``, or a ``keras.Model`` that returns a dict with the keys
            C2, C3, C4 and C5 (as ``keras.Model(inputs, {"C2": ..., ...})`` does).
        weights: ``None``, or ``"imagenet"`` for all but ``nano``.

    Raises:
        ValueError: unknown name, a model without the four levels, or weights that do not exist.
    """
    if weights is not None and (backbone == "nano" or not isinstance(backbone, str)):
        raise ValueError(f"weights: {weights!r} do not exist for this backbone; use None")
    if isinstance(backbone, keras.Model):
        levels = backbone.output
        missing = set(LEVELS) - set(levels if isinstance(levels, dict) else ())
        if missing:
            raise ValueError(
                f"{backbone.name}: outputs lack {sorted(missing)}; "
                "give a keras.Model whose outputs are a dict with the keys C2, C3, C4, C5"
            )
        return backbone
    if backbone not in BUILDERS:
        raise ValueError(
            f"backbone: unknown name {backbone!r}; use one of {sorted(BUILDERS)} or a keras.Model"
        )
    return BUILDERS[backbone](weights)


def levels(model):
    """``{"C2": (channels, stride), ...}`` of a backbone, measured on a 256x256 image."""
    shapes = model.compute_output_shape((1, 256, 256, 3))
    return {key: (shapes[key][3], 256 // shapes[key][1]) for key in LEVELS}
