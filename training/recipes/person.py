"""Recipes of the person stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


@dataclass(frozen=True)
class PersonRecipe(Recipe):
    """The fields of every recipe of the person stage; the values are the paper's.

    Attributes:
        pretrained: name of a model of the zoo, or folder of another run, whose person pyramid and
            subnet to begin with, and on whose backbone, if the folder is a detector's alone and the
            run has no keypoint stage; or ``FILE.h5``, a snapshot of keras-retinanet, which the
            person detector of the paper's sizes fits; or ``"none"``.
        kept_features: batches of the frozen backbone's features that are kept in the run's folder
            and seen again and again, see ``stages.frozen_features``; 0 makes every patch anew.
        frozen_layers: layers that stay as they are, ``PART`` or ``PART/LAYER`` with ``*`` for any
            letters, such as ``("person_pyramid",)``.
        steps: optimizer steps.
        shorter_edge: whole photos are scaled so that their shorter edge is this many pixels, or
        patch_size: side of square patches; one of the two is 0.
        longest_edge: the most that a whole photo's longer edge may be.
        person_size: for patches: sqrt(box area) of the centre person, least and greatest.
        zoom: greatest enlargement.
        flip: share of the photos that are mirrored.
        recolour: whether colours are changed at random, see ``sampler.colour_changes``.
        visible: persons with less than this share of their box in the patch are ignored.
        gamma: focusing exponent of the focal loss.
        alpha: weight of the persons in it.
        validation_size: longer side in pixels of the photos that the stage is measured on.
    """

    backbone: str = "resnet50"
    pretrained: str = "none"
    kept_features: int = 0
    frozen_layers: tuple[str, ...] = ()
    steps: int = 250_000
    shorter_edge: int = 800
    patch_size: int = 0
    longest_edge: int = 1333
    person_size: tuple[float, float] = (24.0, 320.0)
    zoom: float = 2.5
    flip: float = 0.5
    recolour: bool = False
    visible: float = 0.25
    gamma: float = 2.0
    alpha: float = 0.25
    validation_size: int = 1088
    seed: int = 1

    def __post_init__(self):
        super().__post_init__()
        self._check_pretrained(files={".h5": "keras-retinanet"})
        if (self.shorter_edge > 0) == (self.patch_size > 0):
            raise ValueError("shorter_edge, patch_size: give one of them, the other as 0")
        self._check("kept_features", self.kept_features >= 0, "0 or more")
        if self.patch_size % 32:
            raise ValueError(f"patch_size: {self.patch_size}; give a multiple of 32")
        if 0 < self.patch_size < 128 and self.precision != "float32":
            # TensorFlow's bfloat16 convolutions leave the gradients of maps of one cell undefined.
            raise ValueError(
                f"patch_size: {self.patch_size} in {self.precision}; give at least 128, or "
                "precision='float32'"
            )


@dataclass(frozen=True)
class PaperPerson(PersonRecipe):
    """The person stage of the paper: RetinaNet on a frozen backbone (MultiPoseNet, section 3.5).

        multiposenet train person --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json --images train2017

    Cost: a GPU's days; we have not run it in full. Result: the paper's, person AP 51.3 on COCO
    val2017 with ResNet-50. Shorter edge 800 pixels, Adam at 1e-5. Batch size and length are not
    stated in the paper: 1 photo, as keras-retinanet, and 250,000 steps are ours.
    """

    batch_size: int = 1
    learning_rate: float = 1e-5
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.001  # keras-retinanet's
    ema: float = 0.0
    precision: str = "float32"
    validate_every: int = 10_000


@dataclass(frozen=True)
class NanoPerson(PersonRecipe):
    """The person stage of ``multiposenet-lite0``, on the frozen backbone of its keypoint stage.

        multiposenet train person --run RUN --data coco:coco_photos/train \\
            coco:coco_photos/no_keypoints

    Cost: 10 minutes on 2 CPU cores. Result: see ``weights/cards/multiposenet-lite0.md``.
    """

    backbone: str = "efficientnet_lite0"
    recolour: bool = True
    steps: int = 750
    shorter_edge: int = 0
    patch_size: int = 320
    validation_size: int = 480


@dataclass(frozen=True)
class SmallPerson(NanoPerson):
    """The same for some tens or hundreds of photos of one's own, from ``multiposenet-nano``.

        multiposenet train person --recipe small --run RUN --data coco:PHOTOS

    Cost: 3 minutes of one CPU core. Result: see ``docs/training.md``.
    """

    backbone: str = "movenet_multipose"
    pretrained: str = "multiposenet-nano"
    steps: int = 80
    warmup: int = 20
    ema: float = 0.98
    patch_size: int = 256
    precision: str = "float32"
    validate_every: int = 40
    keep_best: bool = True


@dataclass(frozen=True)
class NanoPersonGPU(NanoPerson):
    """The same on a GPU, in larger batches.

        multiposenet train person --recipe nano-gpu --workers 16 --run RUN \\
            --data coco:coco_photos/train coco:coco_photos/no_keypoints

    Cost: on JAX and an H200 0.13 s a step with patches that 13 processes make. Result: see
    ``weights/cards/multiposenet-lite0.md`` for 350 steps of it.
    """

    steps: int = 2000
    batch_size: int = 64
    precision: str = "bfloat16"
    validate_every: int = 0
    patch_size: int = 512
    person_size: tuple[float, float] = (16.0, 480.0)


@dataclass(frozen=True)
class MoveNetPerson(NanoPerson):
    """The person stage of the compact model on a MoveNet's backbone.

        multiposenet train person --recipe movenet --run RUN --data coco:coco_photos/train \\
            coco:coco_photos/no_keypoints

    Cost: 15 seconds of one CPU core for each kept batch, once, and 2.5 a step. Result: not measured
    in full; see docs/experiments/movenet.md.
    """

    backbone: str = "movenet_multipose"
    kept_features: int = 110
    steps: int = 1400
    patch_size: int = 448
    person_size: tuple[float, float] = (16.0, 448.0)
    precision: str = "float32"
    validate_every: int = 0
    validation_size: int = 480
