"""Recipes of RMPE's single-person pose estimator (SPPE) and of the symmetric STN around it."""

from dataclasses import dataclass

from multiposenet.networks.sppe import FORMER_NAMES, LOCALISATION_NETWORKS, SPPEArchitecture
from multiposenet.training.recipes.base import Recipe

LOSSES = ("l2", "focal")
GENERATORS = ("noise", "pgpg", "dpg")


@dataclass(frozen=True)
class SinglePersonRecipe(Recipe):
    """What both stages share: crops of persons, and the error of heatmaps.

    Attributes:
        steps: optimizer steps.
        loss: ``"l2"``, the hourglass' squared error, or ``"focal"`` on sigmoid maps; both summed
            over the stacks.
        gamma: focusing exponent of the focal loss.
        sigma: Gaussian width of the targets in pixels of the crop.
        least_size: persons with a smaller sqrt(box area), in pixels of the photo, are left out.
        generator: of the boxes that are cropped: ``"noise"`` moves the sides of the true ones,
            ``"pgpg"`` and ``"dpg"`` take what ``multiposenet train pgpg`` or ``train dpg`` has left
            in the run.
        box_noise: for ``"noise"``: standard deviation of each side, as a share of the box's width
            or height; 0 takes the true boxes.
        scale: least and greatest random enlargement of what the crop shows.
        rotation: greatest rotation in degrees.
        rotation_chance: share of the crops that are rotated.
        flip: share of the crops that are mirrored, left and right keypoints swapped.
    """

    steps: int = 250_000
    loss: str = "l2"
    gamma: float = 1.0
    sigma: float = 4.0
    least_size: float = 0.0
    generator: str = "noise"
    box_noise: float = 0.0
    scale: tuple[float, float] = (0.75, 1.25)
    rotation: float = 30.0
    rotation_chance: float = 1.0
    flip: float = 0.5

    @property
    def _least_steps(self):
        return 1

    def __post_init__(self):
        super().__post_init__()
        self._choice("loss", LOSSES)
        self._choice("generator", GENERATORS)
        self._check("steps", self.steps >= self._least_steps, f"at least {self._least_steps}")
        for name in ("gamma", "least_size", "box_noise"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("sigma", self.sigma > 0, "more than 0")
        self._check("scale", 0 < self.scale[0] <= self.scale[1], "two rising numbers above 0")
        for name in ("rotation_chance", "flip"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")


@dataclass(frozen=True)
class SPPERecipe(SinglePersonRecipe):
    """The fields of every recipe of the SPPE stage; the values are the paper's.

    Attributes:
        pretrained: folder of a run with the SPPE to begin with, of the same sizes and keypoints, or
            ``"none"``.
        image_size: height and width of the crops, multiples of 4 x 2^levels.
        stacks, units, width, levels, sigmoid: of the ``hourglass``.
        proposal_scale, localisation_network, oversampling: of the STN that the next stage puts
            around it, see ``SPPEArchitecture``.
    """

    FORMER_NAMES = FORMER_NAMES

    pretrained: str = "none"
    image_size: tuple[int, int] = (256, 256)
    stacks: int = 8
    units: int = 1
    width: int = 256
    levels: int = 4
    sigmoid: bool = False
    proposal_scale: float = 1.0
    localisation_network: str = "squeeze"
    oversampling: int = 1

    def __post_init__(self):
        super().__post_init__()
        self._choice("localisation_network", LOCALISATION_NETWORKS)
        self._check("oversampling", self.oversampling >= 1, "1 or more")
        self._check("loss", self.loss == "l2" or self.sigmoid, "'l2', or sigmoid=True")

    def architecture(self):
        """The ``SPPEArchitecture``."""
        sizes = ("image_size", "stacks", "units", "width", "levels", "sigmoid")
        names = (*sizes, "proposal_scale", "localisation_network", "oversampling")
        return SPPEArchitecture(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class SSTNRecipe(SinglePersonRecipe):
    """The fields of every recipe of the SSTN stage; the values are the paper's.

    Attributes:
        parallel: weight of the parallel SPPE's error, which moves the STN only; 0 is the paper's
            ablation without it.
        rescaled: the parallel SPPE's pose is not only in the centre, but as large as a perfect
            detector's box would have shown it.
        sppe_rate: the SPPE's share of the learning rate; less than 1 also spares it the weight
            decay.
        localisation_crops: crops on which the localisation network ``"pose"`` first learns where
            true boxes are (``sstn.train_localisation``); 0, the paper's, leaves that to the poses'
            error. With it ``steps`` can be 0: the SPPE stays as it is.
    """

    FORMER_NAMES = {"located": "localisation_crops"}

    precision: str = "float32"
    parallel: float = 1.0
    rescaled: bool = False
    sppe_rate: float = 1.0
    localisation_crops: int = 0

    @property
    def _least_steps(self):
        return 0 if self.localisation_crops else 1

    def __post_init__(self):
        super().__post_init__()
        self._check("parallel", self.parallel >= 0, "0 or more")
        self._check("localisation_crops", self.localisation_crops >= 0, "0 or more")
        self._check("sppe_rate", 0 < self.sppe_rate <= 1, "more than 0, at most 1")
        # oneDNN would compute places in bfloat16, too: the STN then misses by 10 pixels.
        self._check("precision", self.precision != "onednn_bfloat16", "float32 or bfloat16")


@dataclass(frozen=True)
class PaperSPPE(SPPERecipe):
    """The stacked hourglass as in its own paper, which RMPE takes off the shelf.

        multiposenet train sppe --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json --images train2017

    Cost: a GPU's days; we have not run it. Result: not measured yet. 8 stacks at 256 x 256, scale
    0.75 to 1.25, rotation up to 30 degrees. The original's optimizer is RMSprop at 2.5e-4; ours is
    Adam at the same rate, as everywhere in this project. Batch size, length and a Gaussian of one
    cell are ours.
    """

    batch_size: int = 16
    learning_rate: float = 2.5e-4
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    precision: str = "float32"
    validate_every: int = 5_000


@dataclass(frozen=True)
class NanoSPPE(SPPERecipe):
    """The compact SPPE, 2 stacks of 96 channels, from scratch.

        multiposenet train sppe --run RUN --data lsp:lsp_extended/train coco:coco_photos/train

    Cost: about 70 minutes on 2 CPU cores, 1.05 s a step; crops of 256 x 192 would take 1.75.
    Result: not measured yet. Boxes are true ones but for 3 %: that they are worse is left to the
    SSTN.
    """

    steps: int = 4000
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: int = 200
    clip_norm: float = 20.0
    image_size: tuple[int, int] = (192, 128)
    stacks: int = 2
    width: int = 96
    sigmoid: bool = True
    proposal_scale: float = 1.25
    localisation_network: str = "pose"
    oversampling: int = 2
    loss: str = "focal"
    sigma: float = 5.0
    least_size: float = 32.0
    box_noise: float = 0.03
    rotation: float = 40.0
    rotation_chance: float = 0.6


@dataclass(frozen=True)
class PaperSSTN(SSTNRecipe):
    """RMPE's training graph: STN, SPPE and SDTN, and the frozen parallel SPPE.

        multiposenet train sstn --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json --images train2017

    Cost: a GPU's days; we have not run it. Result: not measured yet. The paper gives the loss (both
    branches alike) and the proposals (of the run's ``pgpg`` stage), no further numbers: these are
    the SPPE's, without its random scales, since proposals bring their own.
    """

    steps: int = 50_000
    generator: str = "pgpg"
    scale: tuple[float, float] = (1.0, 1.0)
    batch_size: int = 16
    learning_rate: float = 2.5e-4
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    validate_every: int = 5_000


@dataclass(frozen=True)
class NanoSSTN(SSTNRecipe):
    """The symmetric STN around the compact SPPE, which is tuned along.

        multiposenet train sstn --run RUN --data lsp:lsp_extended/train coco:coco_photos/train

    Cost: 4 minutes on 2 CPU cores to learn where boxes are, then about 35, 2 s a step. Result: not
    measured yet as a whole. 300 such steps made an SPPE that had been trained on a GPU, in larger
    batches, worse (``docs/experiments/rmpe.md``); ``--set steps=0`` leaves it as it is.
    """

    steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 100
    clip_norm: float = 20.0
    ema: float = 0.995
    precision: str = "bfloat16"
    validate_every: int = 500
    loss: str = "focal"
    sigma: float = 5.0
    least_size: float = 32.0
    box_noise: float = 0.12
    scale: tuple[float, float] = (0.9, 1.1)
    rotation: float = 20.0
    rotation_chance: float = 0.4
    rescaled: bool = True
    sppe_rate: float = 0.3
    localisation_crops: int = 25_600


@dataclass(frozen=True)
class NanoSPPEGPU(NanoSPPE):
    """The compact SPPE on a GPU: the bundled weights' recipe, but for the STN's fields.

        multiposenet train sppe --recipe nano-gpu --workers 16 --run RUN \\
            --data lsp:lsp_extended/train coco:coco_photos/train

    Cost: 5 minutes on JAX and an H200 that trained another network, too, 0.08 s a step, and 1.5
    minutes of compiling. Result: see ``weights/cards/sppe-nano.md``.
    """

    steps: int = 3500
    batch_size: int = 128
    precision: str = "bfloat16"
    validate_every: int = 0


@dataclass(frozen=True)
class NanoSSTNGPU(NanoSSTN):
    """The symmetric STN around the compact SPPE on a GPU.

        multiposenet train sstn --recipe nano-gpu --workers 16 --run RUN \\
            --data lsp:lsp_extended/train coco:coco_photos/train

    Cost: a minute on JAX and an H200 that trained another network, too, without
    ``localisation_crops``. Result: not measured yet as a whole. The bundled weights come of it with
    ``localisation_crops=0``, which tuned their SPPE, and then with ``steps=0``: see
    ``weights/cards/sppe-nano.md``. Boxes are drawn by the run's ``pgpg`` stage.
    """

    steps: int = 500
    batch_size: int = 128
    validate_every: int = 0
    generator: str = "pgpg"
