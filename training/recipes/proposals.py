"""Recipes of the proposal generators of RMPE."""

import math
from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


@dataclass(frozen=True)
class PGPGRecipe:
    """The pose-guided generator, fitted from detections.

        multiposenet train pgpg --annotations annotations.json --detections poses.json --run RUN

    Cost: seconds. Result: offsets whose Kolmogorov-Smirnov distance to unseen ones is 0.06, as that
    of two halves of these, see ``docs/experiments/proposals.md``. Every pair also counts mirrored.

    Attributes:
        atoms: atomic poses; the paper does not say how many.
        components: most Gaussians in the mixture of an atomic pose.
        strength: an atomic pose with fewer pairs has a mixture closer to that of all persons than
            to its own.
        iou: least IoU of a detection and its person.
        min_score: detections that score less are left out.
        seed: of k-means.
    """

    atoms: int = 12
    components: int = 4
    strength: float = 200.0
    iou: float = 0.5
    min_score: float = 0.1
    seed: int = 0
    precision = "float32"  # of no network

    def __post_init__(self):
        for name, least in (("atoms", 0), ("components", 1), ("strength", 1e-3), ("seed", 0)):
            if not least <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is out of range; {least} or more")
        if not 0 < self.iou < 1:
            raise ValueError(f"iou: {self.iou} is out of range; use between 0 and 1")

    @property
    def fitting(self) -> dict:
        """The arguments of ``pgpg.fit``."""
        names = ("atoms", "components", "strength", "seed")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class DPGRecipe(Recipe):
    """The deep generator's network, with the paper's scheme (RMPE, section 4.1.1).

        multiposenet train dpg --annotations annotations.json --detections poses.json --run RUN

    Cost: two minutes of processor time, 1,440 steps. Result: offsets whose Kolmogorov-Smirnov
    distance to unseen ones is 0.13, see ``docs/experiments/proposals.md``.

    Attributes:
        size: side of the pictures in pixels.
        features: length of the feature vectors.
        patches: random boxes per person that the detector has found, the paper's 30.
        parts: that the negatives are divided into, the paper's 24.
        steps: optimizer steps with each part.
        iou: least IoU of a detection, and of a random box, and the person.
        min_score: detections that score less are left out.
    """

    size: int = 64
    features: int = 64
    patches: int = 30
    parts: int = 24
    steps: int = 60
    iou: float = 0.5
    min_score: float = 0.1
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup: int = 10
    weight_decay: float = 0.01
    ema: float = 0.98
    precision: str = "float32"
    validate_every: int = 0

    def __post_init__(self):
        super().__post_init__()
        for name in ("size", "features", "patches", "parts", "steps"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        self._check("batch_size", self.batch_size >= 2, "at least 2")
        self._check("iou", 0 < self.iou < 1, "between 0 and 1")
