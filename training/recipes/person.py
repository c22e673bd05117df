"""Recipes of the person stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


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
