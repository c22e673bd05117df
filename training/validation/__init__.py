"""What each stage reaches on photos that it does not learn from, a module for each.

All have one form, ``Validation``, which ``fitting.fit`` calls while the stage trains.
"""

from typing import Protocol


class Validation(Protocol):
    """Measures a stage, with the weights that it has when called."""

    def __call__(self) -> dict[str, float]:
        """Figures by name, such as ``{"keypoints/AP": 0.12}``.

        The first one, the greater the better, decides about the best weights and the plateau.
        """
