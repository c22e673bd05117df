"""What the recipes of all stages share."""

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
