"""Boxes of a detector about which nothing is known: Gaussian noise on every side."""

from dataclasses import dataclass

import numpy as np

from multiposenet.training.proposals import offsets
from multiposenet.training.proposals.generator import Generator


@dataclass(frozen=True, eq=False)
class BoxNoise(Generator):
    """The simplest generator of proposals: all persons are alike, and so are the four sides.

    Attributes:
        names: of the K keypoints.
        deviation: standard deviation of each side, as a share of the true box's width or height.
        iou: least IoU with the true box; what overlaps less is moved half the way back.
    """

    names: tuple[str, ...]
    deviation: float
    iou: float = 0.5

    def draw(self, keypoints, boxes, rng, count=1) -> np.ndarray:
        """(N, count, 4) offsets."""
        drawn = rng.normal(0, self.deviation, (len(boxes), count, 4))
        while (far := offsets.unit_iou(drawn) < self.iou).any():
            drawn[far] /= 2
        return drawn
