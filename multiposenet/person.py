"""One person of a result."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from multiposenet.skeleton import Skeleton


class Keypoint(NamedTuple):
    """A keypoint that was found.

    Attributes:
        x, y: in pixels of the image.
        score: how sure the network is of it.
    """

    x: float
    y: float
    score: float


@dataclass(frozen=True, eq=False)
class Person:
    """One person: `person["left_wrist"]` is a `Keypoint`, or None where it was not found.

    Attributes:
        box: (4,) float32, xyxy in pixels of the image.
        box_score: how sure the detector is of the person.
        keypoints: (K, 2) float32, xy; what they are where the score is 0 is a guess.
        keypoint_scores: (K,) float32; 0: not found.
        score: of the whole pose.
        skeleton: the names of the keypoints.
        id: who it is from frame to frame, where people are tracked.
    """

    box: np.ndarray
    box_score: float
    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    score: float
    skeleton: Skeleton
    id: int | None = None

    def __getitem__(self, name: str) -> Keypoint | None:
        """The keypoint of a name.

        Raises:
            KeyError: the skeleton has no such keypoint; the message lists its names.
        """
        place = self.skeleton.index(name)
        score = float(self.keypoint_scores[place])
        return Keypoint(*self.keypoints[place].tolist(), score) if score > 0 else None

    def __repr__(self) -> str:
        found = int((self.keypoint_scores > 0).sum())
        who = "" if self.id is None else f" {self.id}"
        box = ", ".join(f"{value:.0f}" for value in self.box)
        return (
            f"<Person{who}: score {self.score:.2f}, box ({box}), {found} of "
            f"{len(self.keypoint_scores)} keypoints>"
        )
