"""The sizes of a MultiPoseNet's parts."""

import dataclasses

from multiposenet import ranges
from multiposenet.maths.anchors import CONVENTIONS, AnchorSpec
from multiposenet.maths.boxes import CODINGS
from multiposenet.networks import backbones
from multiposenet.networks.keypoint_subnet import keypoint_subnet
from multiposenet.networks.movenet_pyramid import movenet_pyramid
from multiposenet.networks.pyramid import P6_FROM, STRIDED_PADDING, keypoint_pyramid
from multiposenet.networks.separable_keypoint_subnet import separable_keypoint_subnet


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Widths and depths of the subnets; the defaults are the paper's.

    Attributes:
        pyramid_channels: depth of K2...K5 and P3...P7.
        keypoint_channels: depth of D2...D5.
        head_channels: depth of the smoothing convolution behind the concatenated D levels.
        further_channels: of K2...K5 beside MoveNet's own, on its backbones alone.
        octaves: 2 if the keypoint subnet sees the image at half its size, too, see
            ``networks.octaves``; with MoveNet's backbones alone.
        person_depth: 3x3 convolutions in each head of the person subnet.
        norm: batch-normalize pyramids and heads.
        sigmoid: heatmaps are sigmoids of the keypoint subnet's output instead of the output.
        concatenated: the final maps are made of D2...D5, concatenated, and not of D2 alone; with
            MoveNet's backbones they always are.
        anchor_sizes: base size per level P3...P7.
        anchor_ratios: height over width.
        anchor_convention: whose anchors they are, of ``anchors.CONVENTIONS``.
        box_coding: how boxes are told by them, of ``boxes.CODINGS``.
        p6_from: the level that P6 is made from, of ``pyramid.P6_FROM``.
        strided_padding: of the convolutions that make P6 and P7, of ``pyramid.STRIDED_PADDING``.
        prn_nodes: nodes of the PRN's hidden layer.
        prn_stride: 1 as the paper, 4 for the compact PRN.
        prn_dropout: rate behind the hidden layer.

    Raises:
        ValueError: a field is of another kind or out of bounds.
    """

    pyramid_channels: int = 256
    keypoint_channels: int = 128
    head_channels: int = 256
    further_channels: int = 0
    octaves: int = 1
    person_depth: int = 4
    norm: bool = False
    sigmoid: bool = False
    concatenated: bool = True
    anchor_sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    anchor_convention: str = "keras-retinanet"
    box_coding: str = "corners"
    p6_from: str = "C5"
    strided_padding: str = "same"
    prn_nodes: int = 1024
    prn_stride: int = 1
    prn_dropout: float = 0.5

    def __post_init__(self):
        channels = ("pyramid_channels", "keypoint_channels", "head_channels")
        ranges.whole(self, 1, 1024, *channels)
        ranges.whole(self, 0, 32, "person_depth")
        ranges.whole(self, 0, 256, "further_channels")
        ranges.whole(self, 1, 2, "octaves")
        ranges.whole(self, 1, 8192, "prn_nodes")
        ranges.whole(self, 1, 8, "prn_stride")
        ranges.real(self, 0, 0.99, "prn_dropout")
        ranges.flags(self, "norm", "sigmoid", "concatenated")
        ranges.sequences(self, 1, 10_000, 16, "anchor_sizes")
        ranges.sequences(self, 0.01, 100, 16, "anchor_ratios")
        ranges.choice(self, CONVENTIONS, "anchor_convention")
        ranges.choice(self, CODINGS, "box_coding")
        ranges.choice(self, P6_FROM, "p6_from")
        ranges.choice(self, STRIDED_PADDING, "strided_padding")

    def anchors(self, strides):
        """The anchors of pyramid levels with these strides."""
        return AnchorSpec(
            sizes=self.anchor_sizes,
            strides=tuple(strides),
            ratios=self.anchor_ratios,
            convention=self.anchor_convention,
        )

    def keypoint_parts(self, levels, strides, num_keypoints, movenet=False):
        """The keypoint pyramid and the keypoint subnet, two ``keras.Model``s.

        Args:
            levels: ``{"C2": (channels, stride), ...}`` of the backbone.
            strides: ``{"K2": 4, "K3": 8, ...}``.
            num_keypoints: K.
            movenet: whether the backbone is a MoveNet's, which brings its own pyramid.

        Raises:
            ValueError: such a backbone cannot have these sizes.
        """
        if not movenet:
            if self.octaves > 1:
                raise ValueError(
                    f"octaves: {self.octaves}, but only on MoveNet's backbones the keypoint subnet "
                    f"sees more than one; give 1, or use one of {', '.join(backbones.MOVENETS)}"
                )
            pyramid = keypoint_pyramid(levels, self.pyramid_channels, norm=self.norm)
            return pyramid, keypoint_subnet(
                strides,
                num_keypoints,
                pyramid_channels=self.pyramid_channels,
                channels=self.keypoint_channels,
                head_channels=self.head_channels,
                norm=self.norm,
                sigmoid=self.sigmoid,
                concatenated=self.concatenated,
            )
        if not self.concatenated:
            raise ValueError("concatenated: MoveNet's backbones always concatenate; give True")
        pyramid = movenet_pyramid(levels, self.further_channels)
        return pyramid, separable_keypoint_subnet(
            strides,
            {key: level.shape[-1] for key, level in pyramid.output.items()},
            num_keypoints,
            channels=self.keypoint_channels,
            head_channels=self.head_channels,
            attention=self.octaves > 1,
        )


PAPER = Architecture()
NANO = Architecture(
    pyramid_channels=64,
    keypoint_channels=48,
    head_channels=64,
    person_depth=2,
    norm=True,
    sigmoid=True,
    anchor_sizes=(20, 40, 80, 160, 320),
    anchor_ratios=(0.75, 1.5, 3.0),
    prn_nodes=128,
    prn_stride=4,
    prn_dropout=0.1,
)
# K2...K5 have MoveNet's own channels and the further ones; `pyramid_channels` is of P3...P7 alone.
MOVENET = dataclasses.replace(NANO, keypoint_channels=24, head_channels=128, further_channels=32)
# The detector as torchvision's `retinanet_resnet50_fpn` has it, of which weights are published. For
# the rest there are none: its maps are those that the recipes for few photos teach, and its PRN is
# the compact one, as the paper's would be two thirds of all weights.
TORCHVISION = dataclasses.replace(
    PAPER,
    anchor_convention="torchvision",
    box_coding="centre_size",
    p6_from="P5",
    strided_padding="symmetric",
    sigmoid=True,
    prn_nodes=NANO.prn_nodes,
    prn_stride=NANO.prn_stride,
    prn_dropout=NANO.prn_dropout,
)


def architecture_for(backbone):
    """The ``Architecture`` that goes with a backbone, a name or a ``keras.Model``."""
    if isinstance(backbone, str) and backbone in backbones.MOVENETS:
        return MOVENET
    if backbone == "resnet50_torchvision":
        return TORCHVISION
    return NANO if backbone in backbones.COMPACT else PAPER
