"""Recipes of the keypoint stage."""

from dataclasses import dataclass

from multiposenet.training.recipes.base import Recipe


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
