"""Which parts of a network learn, and what of a pretrained backbone does."""

import keras
from keras import layers

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


def movenet_variables(model):
    """The trainable variables of a ``MultiPoseNet`` that start as a MoveNet has them.

    They are those of its backbone, of its keypoint pyramid and of its heatmap head; none if its
    backbone is another.
    """
    if model.backbone.name not in MOVENETS:
        return []
    pyramid = [part for part in model.keypoint_pyramid.layers if "further" not in part.name]
    parts = (model.backbone, *pyramid, *head_layers(model.keypoint_subnet))
    return [variable for part in parts for variable in part.trainable_variables]
