"""Recipes of the PRN stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


@dataclass(frozen=True)
class PRNRecipe(Recipe):
    """The fields of every recipe of the PRN stage.

    Attributes:
        pretrained: name of a model of the zoo, or folder of another run, whose PRN to begin with if
            its keypoints are the same; or ``"none"``.
        epochs: passes over the photos drawn.
        coarse_epochs: passes before these in which a network of stride 1 has the same weights for
            2x2 cells: a quarter of the weights, each with four times as many examples.
        fine_share: share of the learning rate after coarse epochs.
        more_than: only persons with more labelled keypoints are taught.
        uncontested_share: share of the photos in which no box holds somebody else's keypoint that
            an epoch sees; the others are all seen.
        curriculum: share of the epochs in which the training goes from the easiest photos (many
            keypoints, large persons) to all; 0 for all at random from the start.
        box_jitter: greatest shift of each box side, as a share of the box.
        point_jitter: standard deviation of the keypoints' noise, as a share of their person's box.
        missing: share of the candidates left out.
        spurious: candidates added that are nobody's, per keypoint and box.
        min_score: least score of a candidate; drawn uniformly up to 1.
        bilinear: every candidate is spread over the four cells around it, as at inference;
            otherwise it is put into one of them, drawn by its weight: the same in the mean, in
            half the time.
        choice, rivalry, membership: weights of the three losses, see ``PRNStage``.
    """

    FORMER_NAMES = {"alone": "uncontested_share", "faint": "min_score"}

    pretrained: str = "none"
    epochs: int = 8
    coarse_epochs: int = 0
    fine_share: float = 0.1
    more_than: int = 2
    uncontested_share: float = 0.3
    curriculum: float = 0.0
    box_jitter: float = 0.1
    point_jitter: float = 0.01
    missing: float = 0.05
    spurious: float = 0.0
    min_score: float = 0.4
    bilinear: bool = False
    choice: float = 1.0
    rivalry: float = 1.0
    membership: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self._check_pretrained()
        self._check("epochs", self.epochs >= 1, "at least 1")
        self._check("coarse_epochs", self.coarse_epochs >= 0, "0 or more")
        self._check("fine_share", 0 < self.fine_share <= 1, "more than 0, at most 1")
        self._check("more_than", self.more_than >= 0, "0 or more")
        for name in ("uncontested_share", "curriculum", "missing", "min_score"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._check("missing", self.missing < 1, "less than 1")
        self._check("min_score", self.min_score > 0, "more than 0")
        for name in ("box_jitter", "point_jitter", "spurious", "choice", "rivalry", "membership"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("box_jitter", self.box_jitter < 0.5, "less than 0.5")


@dataclass(frozen=True)
class PaperPRN(PRNRecipe):
    """The PRN stage of the paper (MultiPoseNet, section 3.5).

        multiposenet train prn --recipe paper --run RUN \\
            --annotations person_keypoints_train2017.json

    Cost: the paper's 1.5 hours on a GPU; we have not run it in full. Result: the paper's,
    AP 89.4 for true keypoints in true boxes on COCO val2017; `TablePRN` takes the same network to
    93.0. 1024 nodes, dropout 0.5, 70.2 M parameters (of ``Architecture``); Adam at 1e-4, persons
    with more than two keypoints, easy ones first. The paper does not state batch size and length,
    and its loss is another (see ``PRNStage``): 512, 20 epochs and rivalry are ours.
    """

    backbone: str = "resnet50"
    epochs: int = 20
    batch_size: int = 512
    learning_rate: float = 1e-4
    schedule: str = "plateau"
    warmup: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    precision: str = "float32"
    uncontested_share: float = 1.0
    curriculum: float = 0.5
    membership: float = 1.0


@dataclass(frozen=True)
class NanoPRN(PRNRecipe):
    """The compact PRN of ``multiposenet-lite0``.

        multiposenet train prn --run RUN --annotations person_keypoints_train2017.json

    Cost: 3 minutes on 2 CPU cores, 3,840 steps of about 512 persons. Result: AP 93.7 for true
    keypoints in true boxes on COCO val2017, each keypoint serving one person. 128 nodes on a
    9x14 grid, 0.55 M parameters; 256 nodes on 18x28 cells have 93.5 (``docs/prn.md``). Boxes,
    places and scores are jittered, candidates left out and added, since a small detector's are.
    """

    epochs: int = 16
    batch_size: int = 512
    warmup: int = 50
    weight_decay: float = 0.0
    ema: float = 0.99
    validate_every: int = 0
    missing: float = 0.1
    spurious: float = 0.15
    min_score: float = 0.2
    seed: int = 2


@dataclass(frozen=True)
class SmallPRN(NanoPRN):
    """The same for some tens or hundreds of photos of one's own: more passes over them.

        multiposenet train prn --recipe small --run RUN --data coco:PHOTOS

    Cost: a minute of one CPU core for 60 photos. Result: see ``docs/training.md``. With the
    keypoints of ``multiposenet-nano`` it begins with its PRN.
    """

    backbone: str = "movenet_multipose"
    pretrained: str = "multiposenet-nano"
    epochs: int = 300
    validate_every: int = 100
    keep_best: bool = True


@dataclass(frozen=True)
class TablePRN(PRNRecipe):
    """Every row of ``multiposenet tables prn``: the same steps for all widths.

        multiposenet tables prn --annotations person_keypoints_val2017.json \\
            --train person_keypoints_train2017.json --run RUN

    Cost: from 1 minute (50 nodes) over 9 (1024) to 20 (2048) on 2 CPU cores. Result: see
    ``docs/prn.md``; AP 93.0 for the paper's 1024 nodes.
    """

    epochs: int = 1
    coarse_epochs: int = 4
    curriculum: float = 0.5
    batch_size: int = 512
    warmup: int = 50
    weight_decay: float = 0.0
    ema: float = 0.99
    validate_every: int = 0
    seed: int = 2
