"""Teaches a ``MultiPoseNet`` on a MoveNet poses that it has hardly seen, and keeps what it knows.

See ``sppe_tuning``, which does the same for one person in a crop. Backbone behind C3, keypoint
pyramid and keypoint subnet are trained on patches of photos, the person mask with them.
"""

import numpy as np

from multiposenet.systems.compilation import compiled
from multiposenet.training.loop import fitting
from multiposenet.training.release.sppe_tuning import between
from multiposenet.training.release.taught import TaughtBatches
from multiposenet.training.stages import run_model
from multiposenet.training.stages.keypoints import KeypointBatches, stage_of


def tune(model, teacher, mask_teacher, samples, recipe, run, share):
    """Trains a ``MultiPoseNet`` in place; goes on from the checkpoint in ``run``, if there is one.

    Args:
        model: the ``MultiPoseNet``, whose keypoint subnet has learnt the person mask.
        teacher: a ``MultiPoseNet`` with the same weights, which stays as it is.
        mask_teacher: function of images ``(B, H, W, 3)`` to person masks ``(B, H/4, W/4, 1)``.
        samples: list of ``datasets.Sample``.
        recipe: a ``KeypointRecipe`` that freezes the batch normalizations: midway, their statistics
            would fit the weights of neither end.
        run: folder of checkpoints and logs.
        share: of what is learnt that is kept, 0 to 1.
    """
    batches = KeypointBatches(samples, recipe, model.skeleton.flip_indices)
    see = compiled(teacher, ("heatmaps",))

    def maps(images):
        return np.concatenate([see(images)["heatmaps"], mask_teacher(images)], axis=-1)

    taught = TaughtBatches(batches, maps)
    stage = stage_of(model, recipe)
    fitting.fit(stage, taught, recipe, steps=recipe.steps, run=run, resume=True)
    keep(model, teacher, "keypoints", share)


def keep(model, start, stage, share):
    """Leaves the parts of a stage at a share of the way from another model's to their own."""
    parts = (run_model.parts(one, stage) for one in (model, start))
    for own, before in zip(*parts, strict=True):
        between(own, before, share)
