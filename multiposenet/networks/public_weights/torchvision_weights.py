"""Loads torchvision's published detectors into our ResNet, pyramids and person subnet.

github.com/pytorch/vision (BSD-3-Clause) offers, trained on COCO, ``retinanet_resnet50_fpn``, whose
heads serve 91 labels, and ``keypointrcnn_resnet50_fpn``. Of the first everything fits: backbone,
person pyramid and person subnet, with the outputs of one label. Of the second backbone and pyramid
do. Each has a pyramid of its own levels, C3 to C5 or C2 to C5; what our two pyramids have besides
stays as it is.

The networks compute what torchvision's do if they are built as ``architecture.TORCHVISION`` and
``backbones.resnet(50, style="torchvision")`` have them. Images are RGB 0-255; the backbone itself
normalizes them.
"""

import re
from collections.abc import Mapping

import keras
import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.networks.public_weights.filling import Filling

PERSON = 1
"""Index of the person among COCO's labels, of which 0 is the background."""

EPSILON = 1e-5
"""Epsilon of PyTorch's batch normalizations. torchvision runs what it published of these two
detectors with 0 instead, since they were trained so (``torchvision.models.detection._utils``,
``overwrite_eps``)."""

_NETWORKS = {"head.": "retinanet", "roi_heads.keypoint_predictor.": "keypointrcnn"}
_REMEDY = "give the state_dict of retinanet_resnet50_fpn or keypointrcnn_resnet50_fpn"
_LAYERS = {"0_conv": "downsample.0", "0_bn": "downsample.1"}


def network_of(path, arrays: Mapping[str, np.ndarray]) -> str:
    """Whose weights these are, ``"retinanet"`` or ``"keypointrcnn"``.

    Raises:
        WeightsError: of another network.
    """
    for prefix, network in _NETWORKS.items():
        if any(name.startswith(prefix) for name in arrays):
            return network
    raise WeightsError(f"{path}: weights: of no detector that is known here; {_REMEDY}")


def published_epsilon(arrays: Mapping[str, np.ndarray]) -> float:
    """The epsilon that goes with weights, as far as they tell: 0 with frozen normalizations."""
    counted = any(name.endswith("num_batches_tracked") for name in arrays)
    return EPSILON if counted else 0.0


def load(
    path,
    arrays: Mapping[str, np.ndarray],
    backbone: keras.Model,
    keypoint_pyramid: keras.Model,
    person_pyramid: keras.Model,
    person_subnet: keras.Model,
    *,
    epsilon: float = 0.0,
    label: int = PERSON,
) -> None:
    """Fills networks; nothing is changed if anything is missing, left over or does not fit.

    Args:
        path: of the checkpoint, for messages.
        arrays: its weights by name, see `torch_files.read`.
        backbone: ``backbones.resnet(50, style="torchvision")``.
        keypoint_pyramid, person_pyramid: of `pyramid`, with 256 channels and without norm.
        person_subnet: with 256 channels, 4 convolutions, 9 anchors and without norm; of Keypoint
            R-CNN it gets nothing.
        epsilon: of the batch normalizations that the weights were trained with.
        label: the one to detect, of those that the heads serve.

    Raises:
        WeightsError: the checkpoint does not fit the networks.
    """
    network = network_of(path, arrays)
    filling = Filling(path, {_present_name(name): array for name, array in arrays.items()}, _REMEDY)
    for layer in _with_weights(backbone):
        source = _backbone_source(layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            filling.put(layer, _normalization(filling, source, layer.epsilon, epsilon), source)
        else:
            _put_convolution(filling, layer, source)
    finest = 3 if network == "retinanet" else 2
    for pyramid in (keypoint_pyramid, person_pyramid):
        for layer in _with_weights(pyramid):
            source = _pyramid_source(layer.name, finest)
            if source and (network == "retinanet" or "extra_blocks" not in source):
                _put_convolution(filling, layer, source)
    if network == "retinanet":
        for layer in _with_weights(person_subnet):
            _put_convolution(filling, layer, _head_source(layer.name), label)
    others = ("rpn.", "roi_heads.") if network == "keypointrcnn" else ()
    filling.finish(lambda name: name.startswith(others) or name.endswith("num_batches_tracked"))


def _with_weights(model):
    return [layer for layer in model.layers if layer.weights]


def _present_name(name: str) -> str:
    """A weight's name since torchvision 0.13, where earlier files have convolutions unnested."""
    if match := re.fullmatch(r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(\w+)", name):
        return "{}.0.{}".format(*match.groups())
    if match := re.fullmatch(r"(head\.\w+\.conv)\.(\d+)\.(\w+)", name):
        head, index, kind = match.groups()
        return f"{head}.{int(index) // 2}.0.{kind}"  # between convolutions were ReLUs
    return name


def _normalization(filling, source, ours, theirs):
    """The weights of a batch normalization with the epsilon of ours."""
    gamma, beta, mean, variance = filling.normalization(source)
    if not (variance + theirs > 0).all():
        raise filling.error(
            f"{source}.running_var", f"has {variance.min():g}, which epsilon {theirs:g} leaves so"
        )
    change = np.sqrt((variance.astype("float64") + ours) / (variance.astype("float64") + theirs))
    return [(gamma * change).astype("float32"), beta, mean, variance]


def _put_convolution(filling, layer, source, label=None):
    values = filling.convolution(source, layer.use_bias)
    if source.endswith("cls_logits"):
        values = [_one_label(filling, source, value, layer.filters, label) for value in values]
    filling.put(layer, values, source)


def _one_label(filling, source, value, anchors, label):
    """The outputs of one label; the last axis holds anchor by anchor all labels."""
    labels, rest = divmod(value.shape[-1], anchors)
    if rest:
        raise filling.error(source, f"{value.shape[-1]} outputs are no multiple of {anchors}")
    if not 0 <= label < labels:
        raise filling.error(source, f"label {label} where there are {labels}, from 0 on")
    return value.reshape(*value.shape[:-1], anchors, labels)[..., label]


def _backbone_source(name):
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "backbone.body.conv1", "conv1_bn": "backbone.body.bn1"}[name]
    stage, block, layer = re.fullmatch(r"conv(\d)_block(\d+)_(\d_\w+)", name).groups()
    inner = _LAYERS.get(layer) or "{1}{0}".format(*layer.split("_"))
    return f"backbone.body.layer{int(stage) - 1}.{int(block) - 1}.{inner}"


def _pyramid_source(name, finest):
    """Where a pyramid has a layer whose finest level is this; None where it has none."""
    level, kind = re.fullmatch(r"level(\d)_(lateral|smooth)", name).groups()
    level = int(level)
    if level > 5:
        return f"backbone.fpn.extra_blocks.p{level}"
    blocks = {"lateral": "inner_blocks", "smooth": "layer_blocks"}[kind]
    return f"backbone.fpn.{blocks}.{level - finest}.0" if level >= finest else None


def _head_source(name):
    output, index = re.fullmatch(r"(logits|deltas)(?:_conv(\d+))?", name).groups()
    head = {"logits": "classification_head", "deltas": "regression_head"}[output]
    last = {"logits": "cls_logits", "deltas": "bbox_reg"}[output]
    return f"head.{head}.{last if index is None else f'conv.{int(index) - 1}.0'}"
