"""MoveNet's released weights in its backbone, its pyramid and ``separable_keypoint_subnet``.

The files are those of a TensorFlow.js graph model, ``movenet-multipose.json`` and ``.bin`` say, or
the folder of a SavedModel; NOTICE tells whose they are and where they come from.
"""

import re

import numpy as np

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.networks.public_weights import movenet_saved_model, tfjs_weights

_ROOT = re.compile(
    "StatefulPartitionedCall/(center_net_mobile_net_v2fpn_feature_extractor/model_1/(model/)?)?"
)
# Behind the layer: a separable convolution has two kernels.
_DEPTHWISE = re.compile("/(depthwise_weights|separable_conv2d/ReadVariableOp)$")
_HEATMAPS = re.compile(r"(kpt_heatmap_0)/(separable_conv2d|conv2d)_\d+/")
_PYRAMID = {
    "level5_lateral": "conv2d",
    "level4_lateral": "conv2d_1",
    "level3_lateral": "conv2d_2",
    "level2_lateral": "conv2d_3",
    "level4_smooth": "separable_conv2d",
    "level3_smooth": "separable_conv2d_1",
    "level2_smooth": "separable_conv2d_2",
}
# Of `separable_keypoint_subnet`: the separable convolution and the layer behind it.
HEATMAP_HEAD = ("merged_conv", "prediction")
RELEASED = "movenet"  # the released weights of a backbone, whichever MoveNet's it is


def is_movenet(weights):
    """Whether weights to begin with are a MoveNet's: ``RELEASED``, a graph model's ``.json`` or the
    folder of a SavedModel.
    """
    name = str(weights)
    return name == RELEASED or name.endswith(".json") or movenet_saved_model.is_saved_model(name)


def head_layers(subnet, head=HEATMAP_HEAD):
    """The layers of a heatmap head, in their order: depthwise, pointwise, prediction."""
    convolution, prediction = head
    names = f"{convolution}_depthwise", f"{convolution}_pointwise", prediction
    return [subnet.get_layer(name) for name in names]


def load_movenet(path, backbone, pyramid, subnet=None, head=HEATMAP_HEAD):
    """Gives networks the weights of a released MoveNet.

    Args:
        path: ``.json`` of the TensorFlow.js graph model, folder of the SavedModel, or ``RELEASED``
            for the former of the backbone's name, of the cache or downloaded now.
        backbone: of ``movenet_backbone``.
        pyramid: of ``movenet_pyramid``.
        subnet: of ``separable_keypoint_subnet`` with COCO's 17 keypoints, or None. Its heatmaps are
            then MoveNet's: D3...D5 and further channels have no part in them yet. Or another
            network, of whose layers are
        head: the names of the heatmaps' separable convolution and of the 1x1 convolution behind it.

    Raises:
        WeightsError: a file is missing or damaged, cannot be had, or is of another width than the
            networks.
    """
    if path == RELEASED:
        files = (f"{backbone.name.replace('_', '-')}.{kind}" for kind in ("json", "bin"))
        path, _ = (zoo.resolve(file, "movenet") for file in files)
    if movenet_saved_model.is_saved_model(path):
        found = movenet_saved_model.read_convolutions(path, backbone)
    else:
        found = tfjs_weights.read_convolutions(path)
        found = {_short(name): values for name, values in found.items()}
    try:
        for layer in backbone.layers:
            if layer.weights:
                layer.set_weights(found[movenet_saved_model.key_of(layer)])
        for ours, theirs in _PYRAMID.items():
            if ours.endswith("_lateral"):
                pyramid.get_layer(ours).set_weights(found[f"{theirs}/kernel"])
            else:
                _set_separable(pyramid, ours, found, theirs)
        if subnet is not None:
            _take_heatmaps(subnet, found, *head)
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(
            f"{path}: weights: are not those of {backbone.name} ({reason}); give those of the "
            "MoveNet of that name, or change the backbone"
        ) from error


def _short(name):
    """The layer of a kernel and its kind: ``block_1_depthwise/depthwise``, ``conv2d/kernel``."""
    rest = _ROOT.sub("", name)
    kind = "depthwise" if _DEPTHWISE.search(rest) else "kernel"
    # The numbers within a head depend on how many heads the model has.
    head = _HEATMAPS.match(rest)
    layer = "/".join(head.groups()) if head else rest.split("/")[0]
    return f"{layer}/{kind}"


def _set_separable(network, ours, found, theirs):
    network.get_layer(f"{ours}_depthwise").set_weights(found[f"{theirs}/depthwise"][:1])
    network.get_layer(f"{ours}_pointwise").set_weights(found[f"{theirs}/kernel"])


def _take_heatmaps(subnet, found, convolution, last):
    """The heatmap head as the first channels of a separable convolution and of the prediction."""
    depthwise = found["kpt_heatmap_0/separable_conv2d/depthwise"][0]
    pointwise, offset = found["kpt_heatmap_0/separable_conv2d/kernel"]
    prediction, bias = found["kpt_heatmap_0/conv2d/kernel"]
    (inner, outer), num_keypoints = pointwise.shape[2:], prediction.shape[3]
    _assign(subnet, f"{convolution}_depthwise", [(depthwise, np.s_[:, :, :inner])])
    # Behind the first `inner` inputs are D3...D5, behind the first `outer` outputs new channels.
    _assign(
        subnet,
        f"{convolution}_pointwise",
        [(0.0, np.s_[:, :, inner:, :outer]), (pointwise, np.s_[:, :, :inner, :outer])],
        [(offset, np.s_[:outer])],
    )
    _assign(
        subnet,
        last,
        [
            (0.0, np.s_[:, :, outer:, :num_keypoints]),
            (prediction, np.s_[:, :, :outer, :num_keypoints]),
        ],
        [(bias, np.s_[:num_keypoints])],
    )


def _assign(network, name, *changes):
    """Writes ``(values, place)`` into the weights of a layer, in their order."""
    layer = network.get_layer(name)
    weights = layer.get_weights()
    for array, changed in zip(weights, changes, strict=False):
        for values, place in changed:
            array[place] = values
    layer.set_weights(weights)
