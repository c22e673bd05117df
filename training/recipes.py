"""Every hyper-parameter of every stage; a recipe is a frozen dataclass."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What every stage needs: AdamW with warm-up and cosine, and averaged weights.

    Attributes:
        batch_size: samples per step.
        learning_rate: after warm-up; falls to 1 % of it along a cosine.
        warmup: steps of linear warm-up.
        weight_decay: decoupled.
        clip_norm: global gradient norm.
        ema: momentum of the weight average that is saved.
        seed: of everything random.
    """

    batch_size: int = 16
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 0.05
    clip_norm: float = 10.0
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class KeypointRecipe(Recipe):
    """The bundled nano's keypoint and mask stage, from scratch on 2,424 + 8,491 + 1,003 photos.

    Attributes:
        steps: optimizer steps.
        patch_sizes: ``(share of the steps done, side)``: small patches first, since most of a
            large one is background.
        mosaics: patches of a batch that show four persons of the single-person data sets.
        masked_singles: patches of a batch from the photos that have a mask but no keypoints.
        gamma: focusing exponent of the quality focal loss.
        mask_share: weight of the mask's mean cross-entropy against the joints' sum per joint.
        intermediate: weight of each intermediate loss.
        sigma_share: Gaussian width as a share of the person's size sqrt(box area).
        sigma_limits: least and greatest width in pixels.
        person_size: sqrt(box area) of the centre person in a patch, least and greatest.
        zoom: greatest enlargement.
        rotation: greatest rotation in degrees.
        rotation_chance: share of the patches that are rotated.
    """

    steps: int = 7000
    warmup: int = 200
    clip_norm: float = 20.0
    patch_sizes: tuple[tuple[float, int], ...] = ((0.0, 256), (0.85, 384))
    mosaics: int = 4
    masked_singles: int = 1
    gamma: float = 1.0
    mask_share: float = 100.0
    intermediate: float = 0.2
    sigma_share: float = 0.045
    sigma_limits: tuple[float, float] = (4.0, 12.0)
    person_size: tuple[float, float] = (36.0, 240.0)
    zoom: float = 3.0
    rotation: float = 40.0
    rotation_chance: float = 0.35

    def patch_size(self, step: int) -> int:
        """Side of the patches at a step."""
        return max((at, side) for at, side in self.patch_sizes if at * self.steps <= step)[1]


@dataclass(frozen=True)
class PersonRecipe(Recipe):
    """The bundled nano's person stage, on the frozen backbone of the keypoint stage.

    Attributes:
        steps: optimizer steps.
        patch_size: side of the patches.
        person_size: sqrt(box area) of the centre person in a patch, least and greatest.
        zoom: greatest enlargement.
        visible: persons with less than this share of their box in the patch are ignored.
    """

    steps: int = 2000
    patch_size: int = 384
    person_size: tuple[float, float] = (24.0, 320.0)
    zoom: float = 2.5
    visible: float = 0.25
    seed: int = 1


@dataclass(frozen=True)
class PRNRecipe(Recipe):
    """The compact PRN, on every COCO train2017 person with more than two keypoints.

    Attributes:
        epochs: passes over the persons drawn.
        alone: share of the persons without a foreign keypoint in their box that an epoch sees;
            those with one are all seen.
        box_jitter: greatest shift of each box side, as a share of the box.
        point_jitter: standard deviation of the keypoints' noise, as a share of the box.
        missing: share of the candidates left out.
        faint: least score of a candidate; drawn uniformly up to 1.
        membership: weight of the per-candidate binary cross-entropy.
    """

    epochs: int = 8
    batch_size: int = 512
    warmup: int = 50
    weight_decay: float = 0.0
    ema: float = 0.99
    alone: float = 0.3
    box_jitter: float = 0.1
    point_jitter: float = 0.01
    missing: float = 0.05
    faint: float = 0.4
    membership: float = 0.5
    seed: int = 2
