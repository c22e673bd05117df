"""ResNets (He et al. 2015, arXiv 1512.03385), the backbones of the papers."""

import os

import keras
from keras import layers

from multiposenet.errors import WeightsError
from multiposenet.networks.layers import ImageNormalization

EPSILON = 1.001e-5  # of the ResNets' batch normalizations, as in keras.applications
_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def resnet(
    depth=50,
    *,
    dilated_stages=(),
    weights=None,
    stem_padding="symmetric",
    style="keras",
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
        style: ``"keras"`` as ``keras.applications``. ``"torchvision"``, also called ResNet v1.5:
            blocks have their stride in the 3x3 convolution, which pads symmetrically, instead of
            the first 1x1; convolutions have no bias; images are normalized by mean and deviation.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict of C2...C5.

    Raises:
        ValueError: unknown depth, stage, padding or style, or weights that do not exist.
        WeightsError: the ImageNet weights could not be had.
    """
    if depth not in _BLOCKS:
        raise ValueError(f"resnet: depth is {depth}; use one of {tuple(_BLOCKS)}")
    if not set(dilated_stages) <= {4, 5} or (4 in dilated_stages and 5 not in dilated_stages):
        raise ValueError(f"resnet: dilated_stages is {dilated_stages}; use (), (5,) or (4, 5)")
    if stem_padding not in ("symmetric", "same"):
        raise ValueError(f"resnet: stem_padding is {stem_padding!r}; use 'symmetric' or 'same'")
    if style not in ("keras", "torchvision"):
        raise ValueError(f"resnet: style is {style!r}; use 'keras' or 'torchvision'")
    if weights not in (None, "imagenet") or (weights and style != "keras"):
        known = "None or 'imagenet'" if style == "keras" else "None"
        raise ValueError(f"resnet: weights is {weights!r}; use {known}")
    use_bias = style == "keras"
    images = keras.Input((None, None, 3), name="images")
    x = ImageNormalization("caffe" if style == "keras" else "torch", name="normalization")(images)
    if stem_padding == "symmetric":
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, 2, use_bias=use_bias, name="conv1_conv")(x)
    else:
        x = layers.Conv2D(64, 7, 2, "same", use_bias=use_bias, name="conv1_conv")(x)
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
                style=style,
                name=f"conv{stage}_block{block}",
            )
        outputs[f"C{stage}"] = x
    model = keras.Model(images, outputs, name=name or f"resnet{depth}")
    if weights == "imagenet":
        _load_imagenet(model, depth)
    return model


def _bottleneck(x, filters, stride, dilation, *, project, style, name):
    bias = {"use_bias": style == "keras"}

    def norm(y, suffix):
        return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_{suffix}_bn")(y)

    shortcut = x
    if project:
        shortcut = layers.Conv2D(4 * filters, 1, stride, name=f"{name}_0_conv", **bias)(x)
        shortcut = norm(shortcut, 0)
    first, second = (stride, 1) if style == "keras" else (1, stride)
    x = norm(layers.Conv2D(filters, 1, first, name=f"{name}_1_conv", **bias)(x), 1)
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    if second == 1:
        sizes = {"padding": "same", "dilation_rate": dilation}
    else:
        x, sizes = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x), {"strides": second}
    x = layers.Conv2D(filters, 3, name=f"{name}_2_conv", **sizes, **bias)(x)
    x = layers.ReLU(name=f"{name}_2_relu")(norm(x, 2))
    x = norm(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv", **bias)(x), 3)
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
