"""Which parts of a network learn, and what of a pretrained backbone does."""

import difflib
import fnmatch

import keras
from keras import layers

from multiposenet.errors import InputError
from multiposenet.networks.backbones import MOVENETS
from multiposenet.networks.public_weights.movenet_weights import head_layers

# Their weights are few and general, while their gradients take half of the time on CPUs; batches
# are too small for statistics better than those of ImageNet.
_KEPT = (layers.BatchNormalization, layers.DepthwiseConv2D)


def train_only(model, *parts):
    """Leaves these parts of a ``MultiPoseNet`` trainable, and no others."""
    for part in model.blocks.values():
        part.trainable = part in parts


def freeze(backbone, level):
    """Leaves a pretrained backbone trainable only where that pays.

    Nothing up to the level is trained, and behind it neither depthwise convolutions nor batch
    normalizations, which then use their moving statistics in training, too.

    Args:
        backbone: ``keras.Model`` with a dict of levels as output.
        level: ``"C2"``, ``"C3"``, ``"C4"`` or ``"C5"``.
    """
    early = keras.Model(backbone.input, backbone.output[level]).layers
    for layer in backbone.layers:
        if layer in early or isinstance(layer, _KEPT):
            layer.trainable = False


def freeze_layers(model, patterns, parts):
    """Leaves layers of a ``MultiPoseNet`` as they are, by name.

    Args:
        model: the model.
        patterns: ``"PART"`` or ``"PART/LAYER"``, such as ``"backbone"`` or
            ``"keypoint_pyramid/level*"``; ``*`` stands for any letters.
        parts: names of the parts that the stage trains.

    Raises:
        InputError: a pattern is of no layer of these parts, or nothing is left to be trained.
    """
    names = [f"{part}/{layer.name}" for part in parts for layer in getattr(model, part).layers]
    for pattern in patterns:
        whole = pattern if "/" in pattern else f"{pattern}/*"
        found = fnmatch.filter(names, whole)
        if not found:
            close = difflib.get_close_matches(pattern, [*parts, *names], n=1, cutoff=0.0)
            raise InputError(
                f"frozen_layers: {pattern!r:.80}: is of no layer that the stage trains; name a "
                f"part ({', '.join(parts)}) or PART/LAYER, such as {close[0]!r}"
            )
        for name in found:
            part, _, layer = name.partition("/")
            getattr(model, part).get_layer(layer).trainable = False
    if not any(getattr(model, part).trainable_variables for part in parts):
        raise InputError(
            f"frozen_layers: nothing of {', '.join(parts)} is left to be trained; freeze less, or "
            "leave the stage out"
        )


def movenet_variables(model, begun):
    """The trainable variables of a ``MultiPoseNet`` that start as a MoveNet has them.

    They are those of its backbone, of its keypoint pyramid and of its heatmap head; none if its
    backbone is another.

    Args:
        model: the model.
        begun: names of the parts that begin with weights of others; the rest has none.
    """
    if model.backbone.name not in MOVENETS:
        return []
    pyramid = [layer for layer in model.keypoint_pyramid.layers if "further" not in layer.name]
    found = {
        "backbone": [model.backbone],
        "keypoint_pyramid": pyramid,
        "keypoint_subnet": head_layers(model.keypoint_subnet),
    }
    return [v for part in begun for layer in found[part] for v in layer.trainable_variables]
