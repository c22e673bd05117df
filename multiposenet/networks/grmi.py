"""G-RMI's single-person network by its sizes: a backbone, disk heatmaps and offsets."""

import dataclasses

import keras
from keras import layers, ops

from multiposenet.maths.hough import DiskOffsets
from multiposenet.networks import backbones
from multiposenet.networks.layers import NEAR_ZERO, PRIOR_LOGIT, register
from multiposenet.networks.movenet_pyramid import movenet_pyramid, separable_unit
from multiposenet.networks.public_weights.movenet_weights import load_movenet
from multiposenet.networks.pyramid import keypoint_pyramid

RADIUS = 25 / 353  # R as a share of the crop's height


@dataclasses.dataclass(frozen=True)
class GRMIArchitecture:
    """Sizes of G-RMI's network; the defaults are the paper's.

    Attributes:
        backbone: a key of ``networks.backbones.BUILDERS``. If its C5 has the maps' stride, the
            heads are on C5, as the paper's; else on a pyramid's level of that stride.
        image_size: height and width of the crops.
        stride: crop pixels per cell of the maps.
        radius: R as a share of the crop's height.
        head_channels: of a separable convolution in each head; 0: heads are one 1x1 convolution.
        pyramid_channels: of the pyramid, if there is one; MoveNet's has its own.
        places: whether the network learns where in a crop each keypoint is to be expected, a
            bias for every cell.

    Raises:
        ValueError: a number or name does not fit.
    """

    backbone: str = "resnet101_stride8"
    image_size: tuple[int, int] = (353, 257)
    stride: int = 8
    radius: float = RADIUS
    head_channels: int = 0
    pyramid_channels: int = 64
    places: bool = False

    def __post_init__(self):
        object.__setattr__(self, "image_size", tuple(self.image_size))  # JSON brings lists
        if self.backbone not in backbones.BUILDERS:
            raise ValueError(
                f"backbone: unknown name {self.backbone!r}; use one of {sorted(backbones.BUILDERS)}"
            )
        if self.stride not in (4, 8):
            raise ValueError(f"stride: {self.stride}; use 4 or 8")
        whole = 1 if self.backbone.endswith("_stride8") else 32
        if len(self.image_size) != 2 or any(side < 32 or side % whole for side in self.image_size):
            raise ValueError(
                f"image_size: {self.image_size}; use two sides of 32 pixels and more, of this "
                f"backbone multiples of {whole}"
            )
        if not 0 < self.radius < 1:
            raise ValueError(f"radius: {self.radius}; use a share of the crop's height")

    @property
    def codec(self):
        """The ``DiskOffsets`` of the maps."""
        height = self.image_size[0]
        # A backbone's cells lie in the middle of what they cover, which may be a little more.
        return DiskOffsets(self.stride, self.radius * height, (-height % self.stride) / 2)

    @property
    def cells(self):
        """Height and width of the maps."""
        return tuple(-(-side // self.stride) for side in self.image_size)

    def network(self, num_keypoints, weights=None, auxiliary=False):
        """From crops to maps.

        Args:
            num_keypoints: K.
            weights: of the backbone, as of ``backbones.build``.
            auxiliary: whether the network has heatmaps in its middle, too, for training.

        Returns:
            A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict: logits of the disk
            ``heatmaps (B, h, w, K)``, ``offsets (B, h, w, 2K)`` in pixels and, if wanted, logits
            ``auxiliary (B, h, w, K)``.
        """
        backbone = backbones.build(self.backbone, weights)
        images = keras.Input((*self.image_size, 3), name="images")
        features = backbone(images)
        strides = {key: stride for key, (_, stride) in backbones.levels(backbone).items()}
        if strides["C5"] == self.stride:
            top, middle = features["C5"], features["C4"]
        else:
            top = self._pyramid(backbone, features)
            middle = next(features[key] for key in ("C2", "C3") if strides[key] == self.stride)
        logits = self._head(top, num_keypoints, "heatmaps", PRIOR_LOGIT)
        if self.places:
            logits = PlaceBias(name="places")(logits)
        offsets = self._head(top, 2 * num_keypoints, "offset_cells", 0.0)
        outputs = {
            "heatmaps": logits,
            "offsets": layers.Rescaling(self.stride, name="offsets")(offsets),
        }
        if auxiliary:
            outputs["auxiliary"] = layers.Conv2D(
                num_keypoints,
                1,
                name="auxiliary",
                kernel_initializer=NEAR_ZERO,
                bias_initializer=keras.initializers.Constant(PRIOR_LOGIT),
            )(middle)
        return keras.Model(images, outputs, name="grmi")

    def _pyramid(self, backbone, features):
        levels = backbones.levels(backbone)
        own = "C4_lower" in levels
        keys = ("C2", "C3", "C4_lower" if own else "C4", "C5")
        if own:
            pyramid = movenet_pyramid(levels)
        else:
            pyramid = keypoint_pyramid(levels, self.pyramid_channels, norm=True)
        # Of the levels only what this one needs, or training would have layers without gradients.
        level = pyramid.output["K2" if self.stride == 4 else "K3"]
        needed = keras.Model(pyramid.input, level, name=pyramid.name)
        return needed({key: features[key] for key in keys})

    def _head(self, x, channels, name, bias):
        if self.head_channels:
            x = separable_unit(x, self.head_channels, name=f"{name}_conv")
        return layers.Conv2D(
            channels,
            1,
            name=f"{name}_prediction",
            kernel_initializer=NEAR_ZERO,
            bias_initializer=keras.initializers.Constant(bias),
        )(x)


def inference_model(network):
    """The network for inference: probabilities in place of logits, and no auxiliary heatmaps.

    It shares the weights of the network.
    """
    heatmaps = layers.Activation("sigmoid", name="disks", dtype="float32")(
        network.output["heatmaps"]
    )
    outputs = {"heatmaps": heatmaps, "offsets": network.output["offsets"]}
    return keras.Model(network.input, outputs, name="grmi_network")


def load_movenet_start(network, path):
    """Gives a network of a MoveNet's backbone the weights of its released file.

    The heatmaps are then MoveNet's, which are no disks but have their peaks at the keypoints.

    Args:
        network: of ``GRMIArchitecture.network`` with COCO's 17 keypoints, of stride 4.
        path: of the files of a released MoveNet, or ``"movenet"``, as of ``load_movenet``.

    Raises:
        WeightsError: a file is missing or damaged, or of another MoveNet than the backbone.
    """
    (backbone,) = (layer for layer in network.layers if layer.name in backbones.MOVENETS)
    pyramid = network.get_layer("keypoint_pyramid")
    load_movenet(path, backbone, pyramid, network, ("heatmaps_conv", "heatmaps_prediction"))


@register
class PlaceBias(layers.Layer):
    """Adds a weight for each cell and channel, 0 at first."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=input_shape[1:], initializer="zeros", name="bias")

    def call(self, maps):
        return ops.add(maps, self.bias)
