"""Recipes of the keypoint stage."""

from dataclasses import dataclass

from multiposenet.networks.backbones import LEVELS
from multiposenet.training.recipes.base import Recipe
from multiposenet.training.registry import STAGES


@dataclass(frozen=True)
class KeypointRecipe(Recipe):
    """The fields of every recipe of the keypoint stage; the values are the paper's.

    Attributes:
        pretrained: weights to begin with: ``"imagenet"`` for the backbone, the name of a model of
            the zoo or the folder of another run for all that fits, ``"movenet"`` or the files of
            a released MoveNet (``.json``, or the folder of a SavedModel), or ``"none"``.
        pretrained_parts: parts of the model that begin with the weights of a model of the zoo or
            of another run, such as ``("backbone",)``; ``()`` for all.
        frozen: level of the backbone up to which its weights stay as they are, C2 to C5; behind it
            only convolutions that mix channels learn, see ``fine_tuning.freeze``. ``"none"``
            trains the whole backbone.
        backbone_rate: the share of the learning rate of the backbone and of all else that begins as
            a MoveNet's; less than 1 also spares them the weight decay.
        frozen_layers: layers that stay as they are, ``PART`` or ``PART/LAYER`` with ``*`` for any
            letters, such as ``("backbone", "keypoint_pyramid/level*")``.
        steps: optimizer steps.
        patch_sizes: ``(share of the steps done, side)`` in pixels.
        empty_photos: whether photos on which nobody is marked take part, too.
        mosaics: patches of a batch that show four persons of single-person photos, if there are
            any.
        singles: patches of a batch that show one single-person photo, if there are any.
        masked_singles: patches of a batch from photos that have a mask but no keypoints, if there
            are any.
        loss: ``"l2"``, the paper's W (H - H^)^2, or ``"quality_focal"`` on sigmoid maps.
        gamma: focusing exponent of the quality focal loss.
        mask_share: weight of the mask in it: mean cross-entropy against the sum of each keypoint.
        mask_of_boxes: whether photos without a mask teach it the background outside their boxes.
        mask_overlap: weight of the mask's soft Jaccard loss beside it.
        intermediate: weight of each intermediate loss (MultiPoseNet, section 3.2); 0 is "no int"
            of MultiPoseNet, table 2.
        concatenated: whether D2...D5 make the final maps (MultiPoseNet, section 3.2), or D2 does
            alone, "no concat" of MultiPoseNet, table 2.
        octaves: 2 if the keypoint subnet sees the image at half its size, too, on a MoveNet's
            backbone, see ``networks.octaves``; 1 if not; 0 as the pretrained model has it.
        sigma_share: Gaussian width as a share of the person's size sqrt(box area).
        sigma_limits: least and greatest width in pixels.
        scale: range of the random factor by which a photo is scaled, 1 standing for a longer side
            of 640 pixels, or
        person_size: sqrt(box area) in patch pixels, least and greatest, to which the person in
            the centre is scaled; one of the two is ().
        zoom: greatest enlargement.
        rotation: greatest rotation in degrees.
        rotation_chance: share of the patches that are rotated.
        flip: share of the patches that are mirrored, left and right keypoints swapped.
        recolour: whether colours are changed at random, see ``sampler.colour_changes``.
        validation_size: longer side in pixels of the photos that the stage is measured on.
    """

    backbone: str = "resnet50"
    pretrained: str = "imagenet"
    pretrained_parts: tuple[str, ...] = ()
    frozen: str = "none"
    backbone_rate: float = 1.0
    frozen_layers: tuple[str, ...] = ()
    steps: int = 250_000
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 480),)
    empty_photos: bool = False
    mosaics: int = 0
    singles: int = 0
    masked_singles: int = 0
    loss: str = "l2"
    gamma: float = 0.0
    mask_share: float = 1.0
    mask_of_boxes: bool = True
    mask_overlap: float = 0.0
    intermediate: float = 1.0
    concatenated: bool = True
    octaves: int = 0
    sigma_share: float = 0.045
    sigma_limits: tuple[float, float] = (7.0, 7.0)
    scale: tuple[float, ...] = (0.8, 1.2)
    person_size: tuple[float, ...] = ()
    zoom: float = 3.0
    rotation: float = 40.0
    rotation_chance: float = 1.0
    flip: float = 0.3
    recolour: bool = False
    validation_size: int = 480

    def __post_init__(self):
        super().__post_init__()
        if self.loss not in ("l2", "quality_focal"):
            raise ValueError(f"loss: unknown name {self.loss!r}; use 'l2' or 'quality_focal'")
        self._check_pretrained("imagenet", "movenet", files={".json": "a released MoveNet"})
        known = STAGES["keypoints"].parts
        fine = set(self.pretrained_parts) <= set(known)
        self._check("pretrained_parts", fine, f"some of {', '.join(known)}, or ()")
        self._choice("frozen", ("none", *LEVELS))
        self._check("backbone_rate", 0 < self.backbone_rate <= 1, "more than 0, at most 1")
        if len(self.scale) + len(self.person_size) != 2:
            raise ValueError("scale, person_size: give one of them as two numbers, the other as ()")
        if any(side % 32 or side < 32 for _, side in self.patch_sizes):
            raise ValueError(f"patch_sizes: {self.patch_sizes}; sides must be multiples of 32")
        if not self.patch_sizes or self.patch_sizes[0][0] != 0:
            raise ValueError(f"patch_sizes: {self.patch_sizes}; begin with the share 0.0")

    def patch_size(self, step: int) -> int:
        """Side of the patches at a step."""
        return max((at, side) for at, side in self.patch_sizes if at * self.steps <= step)[1]


@dataclass(frozen=True)
class PaperKeypoints(KeypointRecipe):
    """The keypoint stage of the paper (MultiPoseNet, section 3.5).

        multiposenet train keypoints --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json --images train2017

    Cost: a GPU's days; we have not run it in full. Result: the paper's, keypoints AP
    62.3 on COCO val2017 with ResNet-50. 480 x 480 patches of a crowd or the main person, Adam at
    1e-4, a tenth of it at every plateau. The paper does not state batch size, length and Gaussian
    width: 16, 250,000 steps and 7 pixels are ours.
    """

    batch_size: int = 16
    learning_rate: float = 1e-4
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    precision: str = "float32"
    validate_every: int = 5_000


@dataclass(frozen=True)
class NanoKeypoints(KeypointRecipe):
    """The keypoint and mask stage of ``multiposenet-lite0``, from ImageNet weights.

        multiposenet train keypoints --run RUN --data coco:coco_photos/train \\
            coco:coco_photos/no_keypoints lsp:lsp_extended/train ccp:ccp_person_masks

    Cost: about 80 minutes on 2 CPU cores. Result: see ``weights/cards/multiposenet-lite0.md``.
    Small patches come first, since most of a large one is background.
    """

    backbone: str = "efficientnet_lite0"
    frozen: str = "C3"
    backbone_rate: float = 0.2
    empty_photos: bool = True
    recolour: bool = True
    steps: int = 6500
    warmup: int = 200
    clip_norm: float = 20.0
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 192), (0.55, 256), (0.9, 384))
    mosaics: int = 4
    masked_singles: int = 1
    loss: str = "quality_focal"
    gamma: float = 1.0
    mask_share: float = 100.0
    intermediate: float = 0.2
    sigma_limits: tuple[float, float] = (4.0, 12.0)
    scale: tuple[float, ...] = ()
    person_size: tuple[float, ...] = (36.0, 240.0)
    rotation_chance: float = 0.35
    flip: float = 0.5


@dataclass(frozen=True)
class SmallKeypoints(NanoKeypoints):
    """The same for some tens or hundreds of photos of one's own, from ``multiposenet-nano``.

        multiposenet train keypoints --recipe small --run RUN --data coco:PHOTOS

    Cost: 6 minutes of one CPU core. Result: see ``docs/training.md`` for all stages on 60 scenes of
    figures with nine keypoints. The backbone stays as it is, which saves half of a step's time.
    """

    backbone: str = "movenet_multipose"
    pretrained: str = "multiposenet-nano"
    frozen: str = "C5"
    steps: int = 220
    warmup: int = 50
    ema: float = 0.99
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 192), (0.8, 256))
    precision: str = "float32"
    validate_every: int = 55
    keep_best: bool = True


@dataclass(frozen=True)
class TableKeypoints(NanoKeypoints):
    """The recipe of ``multiposenet tables multiposenet``: a new subnet, and a pyramid that adapts.

        multiposenet tables multiposenet --rows 2-no-int,2-no-concat,2-whole \\
            --annotations A.json --images DIR --train coco:coco_photos/train

    Cost: 6 minutes of one CPU core for each row and seed. Result: see ``docs/tables.md``.
    Without the pyramid's weights 500 steps left an AP of 0.3, which tells no rows apart.
    """

    pretrained: str = "multiposenet-lite0"
    pretrained_parts: tuple[str, ...] = ("backbone", "keypoint_pyramid")
    frozen: str = "C5"
    steps: int = 250
    warmup: int = 30
    ema: float = 0.98
    precision: str = "float32"
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 192),)
    validate_every: int = 0


@dataclass(frozen=True)
class NanoKeypointsGPU(NanoKeypoints):
    """The same on a GPU, in larger batches, which leave more of the backbone to be trained.

        multiposenet train keypoints --recipe nano-gpu --workers 16 --run RUN \\
            --data coco:coco_photos/train coco:coco_photos/no_keypoints lsp:lsp_extended/train \\
            ccp:ccp_person_masks

    Cost: on JAX and an H200 0.05 s a step, 0.15 s in patches of 448 pixels that 14 processes make,
    after two minutes of compiling for each size of patch. Result: not run in full; see
    ``weights/cards/multiposenet-lite0.md`` for 2,150 steps in patches of 448 pixels. Single persons
    are shown alone, too, as large as they are on photos of one person.
    """

    frozen: str = "C2"
    backbone_rate: float = 0.3
    steps: int = 8000
    batch_size: int = 128
    warmup: int = 300
    precision: str = "bfloat16"
    validate_every: int = 0
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 256), (0.7, 448))
    mosaics: int = 12
    singles: int = 36
    masked_singles: int = 6
    person_size: tuple[float, float] = (24.0, 480.0)
    rotation_chance: float = 0.5


@dataclass(frozen=True)
class MoveNetKeypoints(NanoKeypoints):
    """The keypoint and mask stage of the compact model on MoveNet's weights.

        multiposenet train keypoints --recipe movenet --run RUN --data coco:coco_photos/train \\
            coco:coco_photos/no_keypoints coco:coco_photos_more lsp:lsp_extended/train \\
            ccp:ccp_person_masks ccp:human_segmentation

    Cost: 65 minutes for 650 steps on about one CPU core. Result: not one to use yet. With
    ``backbone_rate`` 0.8 the AP in true boxes fell from .272 to .232 (docs/experiments/movenet.md);
    what the weights know already is lost faster than the data teach. Gaussians are as wide as those
    that MoveNet's heatmaps have for persons of the same size. The precision is that in which
    processors without bfloat16 train fastest.
    """

    backbone: str = "movenet_multipose"
    pretrained: str = "movenet"
    frozen: str = "C3"
    backbone_rate: float = 0.05
    steps: int = 650
    learning_rate: float = 2e-3
    warmup: int = 60
    clip_norm: float = 0.0
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 320), (0.8, 448))
    mosaics: int = 1
    singles: int = 2
    masked_singles: int = 2
    sigma_share: float = 0.04
    sigma_limits: tuple[float, float] = (4.5, 7.0)
    person_size: tuple[float, float] = (24.0, 400.0)
    precision: str = "float32"
    validate_every: int = 0
