"""Recipes of the PRN stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


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
