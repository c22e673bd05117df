"""The keypoint stage: backbone, keypoint pyramid and keypoint subnet."""

import functools

import numpy as np

from multiposenet.training import keypoint_losses, loop, targets
from multiposenet.training.augmentation import PatchSampler
from multiposenet.training.stages import KeypointStage


def train(model, photos, singles, masked, recipe, run, resume=False):
    """Trains a ``MultiPoseNet``'s backbone, keypoint pyramid and keypoint subnet in place.

    Args:
        model: the ``MultiPoseNet``.
        photos: samples with every person boxed.
        singles: samples with one labelled person each, shown four to a patch.
        masked: samples with a person mask and no keypoints.
        recipe: a ``KeypointRecipe``.
        run: folder of checkpoints and logs.
        resume: go on from the folder's checkpoint.
    """
    loss = functools.partial(
        keypoint_losses.quality_focal, gamma=recipe.gamma, mask_share=recipe.mask_share
    )
    stage = KeypointStage(model, loss, recipe.intermediate)
    batches = Batches(photos, singles, masked, recipe, model.skeleton.flip_indices)
    loop.fit(stage, batches, recipe, steps=recipe.steps, run=run, resume=resume)


class Batches:
    """``batches(step)`` is the batch of a step: patches, targets and weights."""

    def __init__(self, photos, singles, masked, recipe, flip_indices):
        self.photos, self.singles, self.masked = photos, singles, masked
        self.recipe, self.flip_indices = recipe, flip_indices

    def __call__(self, step):
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        sampler = PatchSampler(
            recipe.patch_size(step),
            self.flip_indices,
            person_size=recipe.person_size,
            zoom=recipe.zoom,
            rotation=recipe.rotation,
            rotation_chance=recipe.rotation_chance,
        )

        def draw(samples):
            return samples[rng.integers(len(samples))]

        photos = recipe.batch_size - recipe.mosaics - recipe.masked_singles
        patches = [
            sampler.mosaic([draw(self.singles) for _ in range(4)], rng)
            for _ in range(recipe.mosaics)
        ]
        patches += [sampler(draw(self.masked), rng) for _ in range(recipe.masked_singles)]
        patches += [sampler(draw(self.photos), rng) for _ in range(photos)]
        made = [
            targets.keypoint_targets(
                patch, sigma_share=recipe.sigma_share, sigma_limits=recipe.sigma_limits
            )
            for patch in patches
        ]
        images = np.stack([patch.image for patch in patches])
        return images, {
            "target": np.stack([target for target, _ in made]),
            "weight": np.stack([weight for _, weight in made]),
        }
