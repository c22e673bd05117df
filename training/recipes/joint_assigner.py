"""Recipes of the joint assigner's stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


@dataclass(frozen=True)
class JointAssignerRecipe(Recipe):
    """The joint assigner on true keypoints: photos of COCO train2017 in which persons overlap.

        multiposenet tables prn --annotations person_keypoints_val2017.json --rows joint --run RUN

    Cost: 15 minutes on 2 shared CPU cores, 1,728 steps. Result: AP 96.4 for true keypoints in true
    boxes on COCO val2017 if every box takes its best candidate, 96.1 if each keypoint serves one
    person; an assigner without mistakes reaches 96.6 and 96.3. 191,409 parameters.

    Attributes:
        epochs: passes over the photos.
        batch_size: boxes in a batch, about.
        max_tokens: most candidates of a box; the surest stay.
        uncontested_share: share of the boxes kept of those that share no candidate.
        box_jitter: greatest shift of each box side, as a share of the box, in the hardest photos.
        point_jitter: standard deviation of the keypoints' noise, as a share of the root of the
            box's area, in a photo of middling difficulty.
        missing: share of the candidates left out in the hardest photos.
        score_drop: how far below 1 the mean score of true candidates is in the hardest photos.
        swapped: share of the keypoints that show up as their mirrored keypoint, too, in the hardest
            photos.
        spurious: candidates that are nobody's, per keypoint and person, in the hardest photos.
        absent: share of the persons without a box.
        zoom: greatest logarithm of the scale of a photo.
        membership: weight of the binary cross-entropy of every token.
    """

    FORMER_NAMES = {"alone": "uncontested_share", "faint": "score_drop"}

    epochs: int = 8
    batch_size: int = 512
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    ema: float = 0.995
    validate_every: int = 0
    max_tokens: int = 256
    uncontested_share: float = 0.1
    box_jitter: float = 0.08
    point_jitter: float = 0.005
    missing: float = 0.1
    score_drop: float = 0.4
    swapped: float = 0.0
    spurious: float = 0.0
    absent: float = 0.0
    zoom: float = 0.5
    membership: float = 1.0
    seed: int = 3

    def __post_init__(self):
        super().__post_init__()
        for name in ("epochs", "max_tokens"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("uncontested_share", "missing", "score_drop", "swapped"):
            self._check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self._check("absent", 0 <= self.absent < 1, "at least 0 and less than 1")
        self._check("box_jitter", 0 <= self.box_jitter < 0.5, "at least 0 and less than 0.5")
        for name in ("point_jitter", "spurious", "zoom", "membership"):
            self._check(name, getattr(self, name) >= 0, "0 or more")


@dataclass(frozen=True)
class NanoJointAssigner(JointAssignerRecipe):
    """The bundled ``joint-assigner``, for detectors' keypoints, with noise like that of nano's.

        multiposenet train joint-assigner --annotations person_keypoints_train2017.json --run RUN

    Of nano's candidates in the boxes of the test photos a third of the keypoints have none, those
    found are off by 7 % of the root of the person's area and have a mean score of 0.34, and every
    keypoint has eight false ones with a mean score of 0.1.

    Cost: 28 minutes on 2 shared CPU cores, 1,728 steps. Result: AP 96.1 for true keypoints in true
    boxes on COCO val2017 if every box takes its best candidate, 95.2 if each keypoint serves one
    person. On nano's own candidates it is no better than the compact PRN, which nano has.
    """

    epochs: int = 4
    batch_size: int = 256
    max_tokens: int = 96
    uncontested_share: float = 0.4
    box_jitter: float = 0.15
    point_jitter: float = 0.04
    missing: float = 0.6
    score_drop: float = 0.75
    swapped: float = 0.2
    spurious: float = 4.0
    absent: float = 0.1
