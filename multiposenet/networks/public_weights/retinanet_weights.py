"""Loads the snapshots that keras-retinanet published into our ResNet, person pyramid and heads.

keras-retinanet (github.com/fizyr/keras-retinanet) offers, among others,
``resnet50_coco_best_v2.1.0.h5``: RetinaNet trained on the 80 classes of COCO. Its box head serves
all classes, so it fits as it is; of the classification head the outputs of one class are taken.

The network computes what keras-retinanet's does if the backbone is padded as keras-resnet pads it,
``resnet(depth, stem_padding="same")``. Images are RGB 0-255; the backbone itself changes them to
BGR minus the mean, which keras-retinanet leaves to its caller.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import h5py
import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.networks.public_weights.weight_files import is_plain

PERSON = 0
"""Index of the person among the classes of keras-retinanet's COCO snapshots."""

EPSILON = 1e-5
"""Epsilon of the batch normalizations of keras-resnet."""

_MOST_CLASSES = 1000
_REMEDY = (
    "give a keras-retinanet snapshot, training or inference model, whose ResNet has the depth of "
    "the backbone"
)


def load_keras_retinanet(path, backbone, pyramid, subnet, class_index: int = PERSON) -> None:
    """Fills a person detector with the weights of a keras-retinanet snapshot.

    Only arrays are read from the file; a model description in it is not looked at. Nothing is
    changed if anything is missing or does not fit.

    Args:
        path: HDF5 file of a keras-retinanet model or of its weights alone, of the training or of
            the inference model.
        backbone: ``backbones.resnet`` of the snapshot's depth.
        pyramid: ``pyramid.person_pyramid`` with the snapshot's channels and without norm.
        subnet: ``person_subnet.person_subnet`` with the snapshot's anchors and without norm.
        class_index: The class to detect, default person.

    Raises:
        WeightsError: If the file is no snapshot, lacks a layer, or one has another shape.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            snapshot = _Snapshot(path, file)
            plan = [
                *_plan(snapshot, backbone, _backbone_layer),
                *_plan(snapshot, pyramid, _pyramid_layer),
                *_plan(snapshot, subnet, _head_layer, class_index),
            ]
    except (OSError, RuntimeError, KeyError) as error:  # h5py's, of damaged files
        what = "cannot be read as HDF5" if path.is_file() else "no such file"
        raise WeightsError(f"{path}: file: {what}; {_REMEDY}") from error
    surplus = sorted(snapshot.layers - {source for _, source, _ in plan})
    if surplus:
        raise WeightsError(f"{path}: {surplus[0]}: the network has no such layer; {_REMEDY}")
    for layer, _, values in plan:
        layer.set_weights(values)


class _Snapshot:
    """The arrays of a file by layer and name, wherever the file nests them."""

    def __init__(self, path, file):
        self.path = path
        self.file = file
        self.places = {}
        file.visititems(self._note)
        self.layers = {layer for layer, _ in self.places}

    def _note(self, place, item):
        # .../P3/P3/kernel:0 at top level, .../regression_submodel/pyramid_regression/kernel:0
        # in a submodel: the layer is the last but one.
        parts = place.split("/")
        if isinstance(item, h5py.Dataset) and len(parts) > 1 and parts[0] != "optimizer_weights":
            self.places[parts[-2], parts[-1].removesuffix(":0")] = place

    def read(self, layer, name, most):
        """An array of ``most`` values at most, which says nothing about its shape."""
        if (layer, name) not in self.places:
            raise WeightsError(f"{self.path}: {layer}/{name}: missing; {_REMEDY}")
        stored = self.file[self.places[layer, name]]
        # A file claims any number of values in few bytes; reading them would make them real.
        if stored.size > most or not is_plain(stored):
            raise WeightsError(
                f"{self.path}: {layer}/{name}: has {stored.size:,} values where the network has "
                f"{most:,}, or has them in another file; {_REMEDY}"
            )
        return stored[()].astype("float32")


def _plan(snapshot, model, source_of, class_index=None):
    """(layer, name of the snapshot's layer, values) for every layer of a model with weights."""
    plan = []
    for layer in model.layers:
        if not layer.weights:
            continue
        source = source_of(layer.name, snapshot.layers)
        if source is None:
            raise WeightsError(
                f"{snapshot.path}: {layer.name}: keras-retinanet has no such layer; build "
                f"{model.name} as ResNet, person pyramid or person subnet without norm"
            )
        values = []
        for variable in layer.weights:
            place = f"{snapshot.path}: {source}/{variable.name}"
            if variable.name == "bias" and source.startswith(("res", "conv1")):
                # keras-resnet's convolutions have none.
                value = np.zeros(variable.shape, "float32")
            else:
                classes = _MOST_CLASSES if source == "pyramid_classification" else 1
                most = classes * math.prod(variable.shape)
                value = snapshot.read(source, variable.name, most)
            if variable.name == "moving_variance":
                value = value + (EPSILON - layer.epsilon)
            if source == "pyramid_classification":
                value = _one_class(value, layer.filters, class_index, place)
            if value.shape != tuple(variable.shape):
                raise WeightsError(
                    f"{place}: shape {value.shape} where the network has {tuple(variable.shape)}; "
                    f"{_REMEDY} and whose anchors and channels are the network's"
                )
            values.append(value)
        plan.append((layer, source, values))
    return plan


def _one_class(value, anchors, index, place):
    """The outputs of one class; the last axis holds anchor by anchor all classes."""
    classes, rest = divmod(value.shape[-1], anchors)
    if rest:
        raise WeightsError(
            f"{place}: {value.shape[-1]} outputs are no multiple of {anchors} anchors; build the "
            "person subnet with the snapshot's num_anchors"
        )
    if not 0 <= index < classes:
        raise WeightsError(
            f"{place}: class_index {index} where the snapshot has {classes} classes; "
            f"use 0 to {classes - 1}"
        )
    return value.reshape(*value.shape[:-1], anchors, classes)[..., index]


def _backbone_layer(name, known):
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    if not (parts := re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)):
        return None
    stage, block, position, kind = parts.groups()
    prefix = "res" if kind == "conv" else "bn"
    branch = ("branch1", "branch2a", "branch2b", "branch2c")[int(position)]
    # The long stages of the deeper ResNets count a, b1, b2, ...; the others a, b, c, ...
    numbered = f"{prefix}{stage}b{int(block) - 1}_{branch}"
    return numbered if numbered in known else f"{prefix}{stage}{chr(96 + int(block))}_{branch}"


def _pyramid_layer(name, known):
    if not (parts := re.fullmatch(r"level(\d)_(lateral|smooth)", name)):
        return None
    level, kind = parts.groups()
    return f"C{level}_reduced" if kind == "lateral" else f"P{level}"


def _head_layer(name, known):
    if not (parts := re.fullmatch(r"(logits|deltas)(?:_conv(\d+))?", name)):
        return None
    output, index = parts.groups()
    head = {"logits": "pyramid_classification", "deltas": "pyramid_regression"}[output]
    return head if index is None else f"{head}_{int(index) - 1}"
