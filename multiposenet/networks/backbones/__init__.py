"""Backbones: an RGB image in, the feature maps C2, C3, C4 and C5 out; a family in each file.

MultiPoseNet uses ResNet-50 and ResNet-101, the latter also with dilated convolutions (MultiPoseNet,
section 3.1, table 2); G-RMI a ResNet-101 whose every stage from C3 on has stride 8.
``resnet50_torchvision`` is the ResNet-50 of torchvision's published detectors.
``efficientnet_lite0``, ``nano`` and MoveNet's are for CPUs.
"""

import keras

from multiposenet.networks.backbones.compact import nano
from multiposenet.networks.backbones.efficientnet_lite import efficientnet_lite0
from multiposenet.networks.backbones.movenet import WIDTHS as MOVENETS
from multiposenet.networks.backbones.movenet import movenet_backbone
from multiposenet.networks.backbones.resnet import resnet

LEVELS = ("C2", "C3", "C4", "C5")
BUILDERS = {
    "resnet50": lambda weights: resnet(50, weights=weights),
    "resnet50_torchvision": lambda weights: resnet(
        50, style="torchvision", weights=weights, name="resnet50_torchvision"
    ),
    "resnet101": lambda weights: resnet(101, weights=weights),
    "resnet101_dilated": lambda weights: resnet(
        101, dilated_stages=(5,), weights=weights, name="resnet101_dilated"
    ),
    "resnet50_stride8": lambda weights: resnet(
        50, dilated_stages=(4, 5), weights=weights, name="resnet50_stride8"
    ),
    "resnet101_stride8": lambda weights: resnet(
        101, dilated_stages=(4, 5), weights=weights, name="resnet101_stride8"
    ),
    "efficientnet_lite0": lambda weights: efficientnet_lite0(weights=weights),
    "nano": lambda weights: nano(),
    **{name: lambda weights, name=name: movenet_backbone(name) for name in MOVENETS},
}
COMPACT = ("efficientnet_lite0", "nano", *MOVENETS)  # go with compact pyramids, subnets and PRN
_WITHOUT_IMAGENET = ("nano", "resnet50_torchvision", *MOVENETS)


def build(backbone, weights=None):
    """A backbone by name, or a ``keras.Model`` checked and passed through.

    Args:
        backbone: a key of ``BUILDERS``, or a ``keras.Model`` that returns a dict with the keys
            C2, C3, C4 and C5 (as ``keras.Model(inputs, {"C2": ..., ...})`` does).
        weights: ``None``, or ``"imagenet"`` for EfficientNet-Lite0 and the ResNets other than
            torchvision's.

    Raises:
        ValueError: unknown name, a model without the four levels, or weights that do not exist.
    """
    if weights is not None and (backbone in _WITHOUT_IMAGENET or not isinstance(backbone, str)):
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
    """``{"C2": (channels, stride), ...}`` of a backbone, measured on a 256x256 image.

    MoveNet's have a further level, C4_lower, for their own pyramid.
    """
    shapes = model.compute_output_shape((1, 256, 256, 3))
    return {key: (shape[3], 256 // shape[1]) for key, shape in shapes.items()}
