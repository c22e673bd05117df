"""The person stage: person pyramid and person subnet on the frozen backbone."""

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import share_of
from multiposenet.training.patches import targets
from multiposenet.training.patches.patch import pad
from multiposenet.training.patches.sampler import PatchSampler, PhotoSampler
from multiposenet.training.stages.models import PersonStage


def train(model, samples, recipe, run, **options):
    """Trains a ``MultiPoseNet``'s person pyramid and person subnet in place.

    Args:
        model: the ``MultiPoseNet`` whose backbone the keypoint stage trained.
        samples: list of ``datasets.Sample``; those with every person boxed are used.
        recipe: a ``PersonRecipe``.
        run: folder of checkpoints and logs.
        **options: of ``loop.fit``, such as ``resume``.

    Raises:
        AnnotationError: no sample has every person boxed.
    """
    stage = PersonStage(model, gamma=recipe.gamma, alpha=recipe.alpha)
    batches = Batches(samples, recipe, model.anchors, model.skeleton.flip_indices)
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, **options)


class Batches:
    """``batches(step)`` is the batch of a step: patches, anchor labels and matched boxes."""

    def __init__(self, samples, recipe, anchors, flip_indices):
        self.photos = [sample for sample in samples if sample.complete]
        if not self.photos:
            raise AnnotationError(
                "person: no photo has every person boxed; give data sets that mark everybody"
            )
        self.recipe, self.anchors, self.flip_indices = recipe, anchors, flip_indices
        self.samples, self.fingerprint = self.photos, fingerprint(self.photos)

    def __call__(self, step):
        return self._rows(step, slice(None))

    def share(self, step, process, processes):
        """What one of several processes makes of a step's batch: the rows of its share."""
        own = share_of(self.recipe.batch_size, process, processes)
        if not self.recipe.shorter_edge:
            return self._rows(step, own)
        # Whole photos are padded to the greatest of the batch, so that all must be made.
        images, labels = self(step)
        return images[own], {name: values[own] for name, values in labels.items()}

    def _rows(self, step, rows):
        recipe = self.recipe
        drawn = list(enumerate(self._draw(step)))[rows]
        # One sampler per batch: its colour changes hold a random state that threads must not share.
        sampler = self._sampler()
        patches = pad(
            [
                sampler(sample, np.random.default_rng((recipe.seed, step, row)))
                for row, sample in drawn
            ]
        )
        made = [
            targets.person_targets(patch, self.anchors, visible=recipe.visible) for patch in patches
        ]
        labels, boxes = (np.stack(parts) for parts in zip(*made, strict=True))
        return np.stack([patch.image for patch in patches]), {"labels": labels, "boxes": boxes}

    def describe(self, step):
        """The photos of a step's batch."""
        return ", ".join(sample.path.name for sample in self._draw(step))

    def _draw(self, step):
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.integers(len(self.photos), size=self.recipe.batch_size)
        return [self.photos[index] for index in chosen]

    def _sampler(self):
        recipe = self.recipe
        if recipe.shorter_edge:
            return PhotoSampler(
                self.flip_indices, recipe.shorter_edge, recipe.longest_edge, recipe.flip
            )
        return PatchSampler(
            recipe.patch_size,
            self.flip_indices,
            person_size=recipe.person_size,
            zoom=recipe.zoom,
            rotation_chance=0.0,
            flip=recipe.flip,
        )
