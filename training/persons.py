"""The person stage: person pyramid and person subnet on the frozen backbone."""

import numpy as np

from multiposenet.training import loop, targets
from multiposenet.training.augmentation import PatchSampler
from multiposenet.training.stages import PersonStage


def train(model, photos, recipe, run, resume=False):
    """Trains a ``MultiPoseNet``'s person pyramid and person subnet in place.

    Args:
        model: the ``MultiPoseNet`` whose backbone the keypoint stage trained.
        photos: samples with every person boxed.
        recipe: a ``PersonRecipe``.
        run: folder of checkpoints and logs.
        resume: go on from the folder's checkpoint.
    """
    stage = PersonStage(model)
    batches = Batches(photos, recipe, model.anchors, model.skeleton.flip_indices)
    loop.fit(stage, batches, recipe, steps=recipe.steps, run=run, resume=resume)


class Batches:
    """``batches(step)`` is the batch of a step: patches, anchor labels and matched boxes."""

    def __init__(self, photos, recipe, anchors, flip_indices):
        self.photos, self.recipe, self.anchors = photos, recipe, anchors
        self.flip_indices = flip_indices

    def __call__(self, step):
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        # One sampler per batch: its colour changes hold a random state that threads must not share.
        sampler = PatchSampler(
            recipe.patch_size,
            self.flip_indices,
            person_size=recipe.person_size,
            zoom=recipe.zoom,
            rotation_chance=0.0,
        )
        chosen = rng.integers(len(self.photos), size=recipe.batch_size)
        patches = [sampler(self.photos[index], rng) for index in chosen]
        made = [
            targets.person_targets(patch, self.anchors, visible=recipe.visible) for patch in patches
        ]
        labels, boxes = (np.stack(parts) for parts in zip(*made, strict=True))
        return np.stack([patch.image for patch in patches]), {"labels": labels, "boxes": boxes}
