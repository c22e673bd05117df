"""The person stage: person pyramid and person subnet on the frozen backbone."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from multiposenet.errors import AnnotationError, InputError
from multiposenet.maths import boxes as box_ops
from multiposenet.training import losses, run_folder
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import share_of
from multiposenet.training.patches import targets
from multiposenet.training.patches.draws import Draws
from multiposenet.training.patches.patch import pad
from multiposenet.training.patches.sampler import PatchSampler, PhotoSampler
from multiposenet.training.registry import STAGES
from multiposenet.training.stages import run_model
from multiposenet.training.stages.fine_tuning import freeze_layers, train_only
from multiposenet.training.stages.frozen_features import FrozenFeatures
from multiposenet.training.validation.person import PersonValidation


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    model = run_model.begin(job, "person", PersonStage.NAME)
    start = job.recipe.pretrained
    backbone = job.run / STAGES["keypoints"].files[0]
    if Path(start).is_dir() and run_folder.untrained(start) and not backbone.exists():
        run_folder.go_on_from_detector(model, start, job.run, job.engine.writes)
    else:
        run_folder.load_parts(model, job.run, "keypoints")
    validate = None
    if job.val_annotations is not None:
        validate = PersonValidation(
            model, job.val_annotations, job.val_images, job.recipe.validation_size
        )
    options = {"augment": job.augment, "validate": validate, **job.fit_options}
    train(model, job.samples, job.recipe, **options)
    return run_model.parts(model, "person")


def train(model, samples, recipe, run, *, augment=None, **options):
    """Trains a ``MultiPoseNet``'s person pyramid and person subnet in place.

    Args:
        model: the ``MultiPoseNet`` whose backbone the keypoint stage trained.
        samples: list of ``datasets.Sample``; those with every person boxed are used.
        recipe: a ``PersonRecipe``.
        run: folder of checkpoints and logs.
        augment: the user's own changes of patches, see ``patches.sampler.PatchSampler``.
        **options: of ``fitting.fit``, such as ``resume``.

    Raises:
        AnnotationError: no sample has every person boxed.
        InputError: features are to be kept, and other processes make the batches.
    """
    stage = PersonStage(model, recipe.gamma, recipe.alpha, recipe.frozen_layers)
    batches = PersonBatches(samples, recipe, model.anchors, model.skeleton.flip_indices, augment)
    if recipe.kept_features:
        if getattr(options.get("engine"), "workers", 0):
            raise InputError(
                "workers: make no features of a frozen backbone; leave --workers away, or give "
                "kept_features=0"
            )
        levels, folder = model.person_pyramid.input, Path(run) / "person_features"
        batches = FrozenFeatures(batches, model.backbone, levels, recipe.kept_features, folder)
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, **options)


class PersonStage(keras.Model):
    """Person pyramid and person subnet on a frozen backbone, batch statistics included.

    Args:
        model: a ``MultiPoseNet``, trained in place.
        gamma: focusing exponent of the focal loss.
        alpha: weight of the positive anchors in it.
        frozen_layers: layers that are not trained, see ``fine_tuning.freeze_layers``.
    """

    NAME = "person_stage"

    def __init__(self, model, gamma=2.0, alpha=0.25, frozen_layers=()):
        super().__init__(name=self.NAME)
        self.system = model
        self.gamma, self.alpha = gamma, alpha
        self.focal = keras.metrics.Mean("focal")
        self.smooth_l1 = keras.metrics.Mean("smooth_l1")
        train_only(model, model.person_pyramid, model.person_subnet)
        freeze_layers(model, frozen_layers, STAGES["person"].parts)
        self.built = True

    def call(self, images, training=None):
        if isinstance(images, dict):  # of ``FrozenFeatures``, in half precision
            kind = self.system.backbone.compute_dtype
            features = {level: ops.cast(x, kind) for level, x in images.items()}
        else:
            features = self.system.backbone(images, training=False)
        logits, deltas, anchors = self.system.person_predictions(features, training=training)
        return {"logits": logits, "deltas": deltas, "anchors": anchors}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        deltas = box_ops.encode(y_pred["anchors"], y["boxes"], self.system.architecture.box_coding)
        focal = losses.focal(y["labels"], y_pred["logits"], self.gamma, self.alpha)
        smooth_l1 = losses.smooth_l1(y["labels"], deltas, y_pred["deltas"])
        self.focal.update_state(focal)
        self.smooth_l1.update_state(smooth_l1)
        return focal + smooth_l1


class PersonBatches:
    """``batches(step)`` is the batch of a step: patches, anchor labels and matched boxes."""

    def __init__(self, samples, recipe, anchors, flip_indices, augment=None):
        self.photos = [sample for sample in samples if sample.complete]
        if not self.photos:
            raise AnnotationError(
                "person: no photo has every person boxed; give data sets that mark everybody"
            )
        self.recipe, self.anchors, self.flip_indices = recipe, anchors, flip_indices
        self.augment, self._draws = augment, Draws(self.photos, recipe.seed)
        self.samples, self.fingerprint = self.photos, fingerprint(self.photos, augment)

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
        size = self.recipe.batch_size
        return self._draws(rng, step * size, size)

    def _sampler(self):
        recipe = self.recipe
        colours = {} if recipe.recolour else {"color": None}
        if recipe.shorter_edge:
            return PhotoSampler(
                self.flip_indices,
                recipe.shorter_edge,
                recipe.longest_edge,
                recipe.flip,
                augment=self.augment,
                **colours,
            )
        return PatchSampler(
            recipe.patch_size,
            self.flip_indices,
            person_size=recipe.person_size,
            zoom=recipe.zoom,
            rotation_chance=0.0,
            flip=recipe.flip,
            augment=self.augment,
            **colours,
        )
