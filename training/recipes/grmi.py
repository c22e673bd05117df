"""Recipes of G-RMI's single-person network."""

from dataclasses import dataclass
from pathlib import Path

from multiposenet import zoo
from multiposenet.networks.grmi import RADIUS, GRMIArchitecture
from multiposenet.training.recipes.base import Recipe

FROZEN = ("none", "backbone", "pyramid")


@dataclass(frozen=True)
class GRMIRecipe(Recipe):
    """The fields of every recipe of the grmi stage; the values are the paper's.

    Attributes:
        pretrained: weights to begin with: ``"imagenet"`` for the backbone; the name of a network of
            the zoo or the folder of another run, of the same sizes but for that of the crops;
            ``"movenet"`` or the files of a released MoveNet (``.json``, or the folder of a
            SavedModel); or ``"none"``.
        frozen: what keeps its weights: ``"backbone"``, ``"pyramid"`` (both), or ``"none"``.
        steps: optimizer steps.
        image_size, stride, radius, head_channels, places: of ``GRMIArchitecture``.
        heatmap_weight, offset_weight: lambda_h and lambda_o (G-RMI, total loss).
        auxiliary: weight of the heatmaps in the network's middle against its own; 0 leaves them
            out.
        huber: pixels from which the Huber loss of offsets is linear.
        least_size: persons with a smaller sqrt(box area), in pixels of the photo, are left out.
        box_noise: standard deviation of each side of the boxes, as a share of width or height.
        enlarge: least and greatest enlargement of the boxes (G-RMI, crops).
        rotation: greatest rotation in degrees.
        rotation_chance: share of the crops that are rotated.
        flip: share of the crops that are mirrored, left and right keypoints swapped.
    """

    backbone: str = "resnet101_stride8"
    pretrained: str = "imagenet"
    frozen: str = "none"
    steps: int = 250_000
    image_size: tuple[int, int] = (353, 257)
    stride: int = 8
    radius: float = RADIUS
    head_channels: int = 0
    places: bool = False
    heatmap_weight: float = 4.0
    offset_weight: float = 1.0
    auxiliary: float = 1.0
    huber: float = 1.0
    least_size: float = 0.0
    box_noise: float = 0.0
    enlarge: tuple[float, float] = (1.0, 1.5)
    rotation: float = 0.0
    rotation_chance: float = 0.0
    flip: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        file = Path(self.pretrained)
        known = ("none", "imagenet", "movenet", *zoo.names("grmi"))
        self._check(
            "pretrained",
            self.pretrained in known or file.is_dir() or file.suffix == ".json" and file.is_file(),
            f"one of {', '.join(known)}, the folder of a run, or the FILE.json of a MoveNet",
        )
        self._choice("frozen", FROZEN)
        self._check("steps", self.steps >= 1, "at least 1")
        self._check("huber", self.huber > 0, "more than 0")
        for name in ("heatmap_weight", "offset_weight", "auxiliary", "least_size", "box_noise"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        low, high = self.enlarge
        self._check("enlarge", 0 < low <= high, "two rising numbers above 0")
        for name in ("rotation_chance", "flip"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self.architecture()

    def architecture(self):
        """The ``GRMIArchitecture``."""
        names = ("backbone", "image_size", "stride", "radius", "head_channels", "places")
        return GRMIArchitecture(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class PaperGRMI(GRMIRecipe):
    """G-RMI's person network as published: ResNet-101 of stride 8, crops of 353 x 257.

        multiposenet train grmi --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json --images train2017

    Cost: a GPU's days; we have not run it. Result: not measured yet. Sizes, enlargement, radius and
    the weights of the losses are the paper's; optimizer, batch and length are ours.
    """

    batch_size: int = 24
    learning_rate: float = 1e-4
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.999
    precision: str = "float32"
    validate_every: int = 5_000


@dataclass(frozen=True)
class NanoGRMI(GRMIRecipe):
    """The compact network, from the bundled one: its heads learn, MoveNet's layers stay.

        multiposenet train grmi --run RUN --data lsp:lsp_extended/train coco:coco_photos/train

    Cost: 20 ms of two busy CPU cores a crop. Result: not measured yet; the bundled ``grmi-nano`` is
    what it begins with. R is a cell and a half: votes come from the cells whose filters see the
    keypoint.
    """

    backbone: str = "movenet_thunder"
    pretrained: str = "grmi-nano"
    frozen: str = "pyramid"
    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 3e-4
    weight_decay: float = 0.0
    ema: float = 0.99
    precision: str = "float32"
    validate_every: int = 500
    image_size: tuple[int, int] = (256, 192)
    stride: int = 4
    radius: float = 6 / 256
    head_channels: int = 96
    places: bool = True
    auxiliary: float = 0.0
    least_size: float = 32.0
    rotation: float = 30.0
    rotation_chance: float = 0.4


@dataclass(frozen=True)
class TableGRMI(NanoGRMI):
    """The recipe of ``multiposenet tables grmi``, for crops of all sizes.

        multiposenet tables grmi --rows trained-352x256,peaks-352x256 \\
            --annotations A.json --images DIR --train coco:coco_photos/train

    Cost: 8 minutes of one CPU core for crops of 352 x 256. Result: see ``docs/grmi.md``.
    """

    steps: int = 300
    learning_rate: float = 1e-3
    warmup: int = 30
    ema: float = 0.98
    validate_every: int = 0
