"""The sizes of a MultiPoseNet's parts."""

import dataclasses

from multiposenet import ranges
from multiposenet.maths.boxes import AnchorSpec


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Widths and depths of the subnets; the defaults are the paper's.

    Attributes:
        pyramid_channels: depth of K2...K5 and P3...P7.
        keypoint_channels: depth of D2...D5.
        head_channels: depth of the smoothing convolution behind the concatenated D levels.
        further_channels: of K2...K5 beside MoveNet's own, on its backbones alone.
        person_depth: 3x3 convolutions in each head of the person subnet.
        norm: batch-normalize pyramids and heads.
        sigmoid: heatmaps are sigmoids of the keypoint subnet's output instead of the output.
        concatenated: the final maps are made of D2...D5, concatenated, and not of D2 alone; with
            MoveNet's backbones they always are.
        anchor_sizes: base size per level P3...P7.
        anchor_ratios: height over width.
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
    person_depth: int = 4
    norm: bool = False
    sigmoid: bool = False
    concatenated: bool = True
    anchor_sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    prn_nodes: int = 1024
    prn_stride: int = 1
    prn_dropout: float = 0.5

    def __post_init__(self):
        channels = ("pyramid_channels", "keypoint_channels", "head_channels")
        ranges.whole(self, 1, 1024, *channels)
        ranges.whole(self, 0, 32, "person_depth")
        ranges.whole(self, 0, 256, "further_channels")
        ranges.whole(self, 1, 8192, "prn_nodes")
        ranges.whole(self, 1, 8, "prn_stride")
        ranges.real(self, 0, 0.99, "prn_dropout")
        ranges.flags(self, "norm", "sigmoid", "concatenated")
        ranges.sequences(self, 1, 10_000, 16, "anchor_sizes")
        ranges.sequences(self, 0.01, 100, 16, "anchor_ratios")

    def anchors(self, strides):
        """The anchors of pyramid levels with these strides."""
        return AnchorSpec(
            sizes=self.anchor_sizes, strides=tuple(strides), ratios=self.anchor_ratios
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
