"""Several systems as one: what all of them find on an image is merged.

MultiPoseNet's best figures are those of two backbones together (MultiPoseNet, section 4.2).
"""

import dataclasses
from collections.abc import Sequence

from multiposenet.poses import Poses
from multiposenet.sources import Frame
from multiposenet.systems.system import ImageByImage, System
from multiposenet.systems.test_time import merging


class Ensemble(ImageByImage):
    """Systems whose results are merged, see `merging.merged`.

    Args:
        systems: two or more, of the same keypoints.
        names: of them, for messages.
        score: people whose merged score is lower are left out; by default the mean of the systems'
            own, which then keep more themselves.

    Raises:
        ValueError: there is none, or the keypoints of one are others.
    """

    def __init__(self, systems: Sequence[System], names=None, score: float | None = None):
        self.systems = list(systems)
        if not self.systems:
            raise ValueError("systems: none; give two or more")
        names = names or [f"system {place}" for place in range(len(self.systems))]
        first = self.systems[0].skeleton
        for system, name in zip(self.systems, names, strict=True):
            if system.skeleton.keypoints != first.keypoints:
                raise ValueError(
                    f"{name}: finds the keypoints of {system.skeleton.name}, {names[0]} those of "
                    f"{first.name}; use systems of the same keypoints"
                )
        own = [system.score for system in self.systems]
        self.score = sum(own) / len(own) if score is None else float(score)
        self.systems = [own.keeping(min(own.score, self.score / 2)) for own in self.systems]

    def at_scale(self, factor: float) -> "Ensemble":
        """The ensemble of its systems at another scale."""
        return Ensemble([system.at_scale(factor) for system in self.systems], score=self.score)

    def keeping(self, score: float) -> "Ensemble":
        return Ensemble(self.systems, score=score)

    def _poses(self, frame: Frame) -> Poses:
        found = [system(frame.image) for system in self.systems]
        poses = merging.merged(found).above(self.score)
        return dataclasses.replace(poses, **frame.origin)
