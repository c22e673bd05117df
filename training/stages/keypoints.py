"""The keypoint stage: backbone, keypoint pyramid and keypoint subnet.

Predictions reach ``compute_loss`` of every stage in float32, whatever the network computes in; see
``loop.fitting.fit``.
"""

import functools
from collections import Counter

import keras
import numpy as np
from keras import layers, ops

from multiposenet.errors import AnnotationError, InputError
from multiposenet.networks.public_weights.movenet_weights import is_movenet
from multiposenet.skeleton import COCO_17
from multiposenet.training import losses
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import share_of
from multiposenet.training.patches import targets
from multiposenet.training.patches.draws import Draws
from multiposenet.training.patches.sampler import PatchSampler
from multiposenet.training.registry import STAGES
from multiposenet.training.stages import run_model
from multiposenet.training.stages.fine_tuning import (
    freeze,
    freeze_layers,
    movenet_variables,
    train_only,
)
from multiposenet.training.validation.keypoints import KeypointValidation, map_function


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    model = run_model.begin(job, "keypoints", KeypointStage.NAME)
    loss, of_sigmoids = job.recipe.loss, model.architecture.sigmoid
    if (loss == "quality_focal") != of_sigmoids:
        maps, other = ("sigmoid", "quality_focal") if of_sigmoids else ("linear", "l2")
        raise InputError(
            f"--set: loss: {loss!r} is not of {maps} maps, which the model of the backbone "
            f"{job.recipe.backbone} has; use {other!r}"
        )
    validate = None
    if job.val_annotations is not None:
        validate = KeypointValidation(
            map_function(model), job.val_annotations, job.val_images, job.recipe.validation_size
        )
    options = {"augment": job.augment, "validate": validate, **job.fit_options}
    train(model, job.samples, job.recipe, **options)
    return run_model.parts(model, "keypoints")


def train(model, samples, recipe, run, *, augment=None, **options):
    """Trains a ``MultiPoseNet``'s backbone, keypoint pyramid and keypoint subnet in place.

    Args:
        model: the ``MultiPoseNet``.
        samples: list of ``datasets.Sample``.
        recipe: a ``KeypointRecipe``.
        run: folder of checkpoints and logs.
        augment: the user's own changes of patches, see ``patches.sampler.PatchSampler``.
        **options: of ``fitting.fit``, such as ``resume``.

    Raises:
        AnnotationError: no person of the samples has a labelled keypoint.
    """
    batches = KeypointBatches(samples, recipe, model.skeleton.flip_indices, augment)
    fitting.fit(stage_of(model, recipe), batches, recipe, steps=recipe.steps, run=run, **options)


def stage_of(model, recipe):
    """The ``KeypointStage`` of a model as a recipe has it."""
    return KeypointStage(
        model,
        loss_of(recipe),
        recipe.intermediate,
        recipe.frozen,
        recipe.backbone_rate,
        recipe.frozen_layers,
        _begun(recipe, model.skeleton),
    )


def _begun(recipe, skeleton):
    """The parts that begin with the weights of others, as a recipe has it."""
    parts = STAGES["keypoints"].parts
    if recipe.pretrained in ("none", "imagenet"):
        return ()
    if not is_movenet(recipe.pretrained):
        return recipe.pretrained_parts or parts
    # A MoveNet's heatmaps are of COCO's keypoints.
    return parts if skeleton.keypoints == COCO_17.keypoints else parts[:2]


def loss_of(recipe):
    """The recipe's loss, a function of target, maps and weight."""
    if recipe.loss == "l2":
        return losses.weighted_l2
    shares = {name: getattr(recipe, name) for name in ("gamma", "mask_share", "mask_overlap")}
    return functools.partial(losses.quality_focal, **shares)


class KeypointStage(keras.Model):
    """Backbone, keypoint pyramid and keypoint subnet with its intermediate predictions.

    Args:
        model: a ``MultiPoseNet``, trained in place.
        loss: function of target, maps and weight.
        intermediate: weight of each intermediate loss.
        frozen: the backbone's level up to which nothing is trained, and behind which only the
            convolutions are that mix channels; see ``fine_tuning.freeze``. ``"none"`` trains all.
        backbone_rate: the share of the learning rate of the backbone and of all else that begins
            as a MoveNet's.
        frozen_layers: further layers that are not trained, see ``fine_tuning.freeze_layers``.
        begun: names of the parts that begin with weights of others.

    Attributes:
        rates: share of the learning rate of each trainable variable.
        relative: of each, whether its steps are relative to its size; see ``optimizer.Adam``.
    """

    NAME = "keypoint_stage"

    def __init__(
        self,
        model,
        loss=losses.weighted_l2,
        intermediate=1.0,
        frozen="none",
        backbone_rate=1.0,
        frozen_layers=(),
        begun=STAGES["keypoints"].parts,
    ):
        super().__init__(name=self.NAME)
        self.system = model
        self.loss_function, self.intermediate = loss, intermediate
        train_only(model, model.backbone, model.keypoint_pyramid, model.keypoint_subnet)
        if frozen != "none":
            freeze(model.backbone, frozen)
        freeze_layers(model, frozen_layers, STAGES["keypoints"].parts)
        finest = min(model.keypoint_strides.values())
        self.upsample = {
            key: layers.UpSampling2D(stride // finest, dtype="float32")
            for key, stride in model.keypoint_strides.items()
        }
        self.final = keras.metrics.Mean("final")
        self.between = keras.metrics.Mean("intermediate")
        self.built = True
        taken = {id(variable) for variable in movenet_variables(model, begun)}
        slow = taken | {id(variable) for variable in model.backbone.trainable_variables}
        self.rates = [backbone_rate if id(v) in slow else 1.0 for v in self.trainable_variables]
        self.relative = [id(variable) in taken for variable in self.trainable_variables]

    def call(self, images, training=None):
        return self.system.keypoint_maps(
            self.system.features(images, training=training), training=training
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, weight = (ops.cast(y[name], "float32") for name in ("target", "weight"))
        final = self.loss_function(target, y_pred["maps"], weight)
        between = sum(
            self.loss_function(target, upsample(y_pred[key]), weight)
            for key, upsample in self.upsample.items()
        )
        self.final.update_state(final)
        self.between.update_state(between)
        return final + self.intermediate * between


class KeypointBatches:
    """``batches(step)`` is the batch of a step: patches, targets and weights.

    Photos with several persons fill the batch but for the recipe's shares of photos with a single
    labelled person, in mosaics or alone, and of photos that have a mask and no keypoints.
    """

    def __init__(self, samples, recipe, flip_indices, augment=None):
        if not any(sample.labelled.any() for sample in samples):
            raise AnnotationError(
                "keypoints: no person has a labelled keypoint; give data sets with keypoints"
            )
        self.recipe, self.flip_indices = recipe, flip_indices
        self.augment = augment
        self.samples, self.fingerprint = samples, fingerprint(samples, augment)
        photos = [s for s in samples if not s.single and (recipe.empty_photos or len(s.boxes))]
        singles = [s for s in samples if s.single and s.labelled.any()]
        masked = [s for s in samples if s.single and not s.labelled.any() and s.has_mask]
        self.photos, self.singles, self.masked = (
            Draws(some, recipe.seed) for some in (photos, singles, masked)
        )

    def __call__(self, step):
        return self.share(step, 0, 1)

    def share(self, step, process, processes):
        """What one of several processes makes of a step's batch: the rows of its share."""
        recipe = self.recipe
        drawn = list(enumerate(self._draw(step)))
        sampler = self._sampler(step)
        patches = []
        for row, group in drawn[share_of(len(drawn), process, processes)]:
            rng = np.random.default_rng((recipe.seed, step, row))
            patches.append(sampler.mosaic(group, rng) if len(group) > 1 else sampler(group[0], rng))
        made = [
            targets.keypoint_targets(
                patch,
                sigma_share=recipe.sigma_share,
                sigma_limits=recipe.sigma_limits,
                mask_of_boxes=recipe.mask_of_boxes,
            )
            for patch in patches
        ]
        # As small as they can be: an accelerator waits for bytes before it waits for anything else.
        return np.stack([patch.image for patch in patches]), {
            "target": np.stack([target for target, _ in made], dtype=np.float16),
            "weight": np.stack([weight for _, weight in made], dtype=np.uint8, casting="unsafe"),
        }

    def describe(self, step):
        """The photos of a step's batch."""
        return ", ".join(sample.path.name for group in self._draw(step) for sample in group)

    def _draw(self, step):
        """The samples of each patch of a step: one, or four of a mosaic."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        masked = min(recipe.masked_singles, recipe.batch_size) if self.masked else 0
        left = recipe.batch_size - masked
        mosaics = min(recipe.mosaics, left) if self.singles else 0
        singles = min(recipe.singles, left - mosaics) if self.singles else 0
        if not self.photos:  # the others take their place
            mosaics = left - singles
        kinds = [(self.singles, 4)] * mosaics + [(self.singles, 1)] * singles
        kinds += [(self.masked, 1)] * masked
        kinds += [(self.photos, 1)] * (left - mosaics - singles)
        each = Counter()  # draws of a step
        for kind, count in kinds:
            each[kind] += count
        drawn, groups = Counter(), []
        for kind, count in kinds:
            groups.append(kind(rng, step * each[kind] + drawn[kind], count))
            drawn[kind] += count
        return groups

    def _sampler(self, step):
        recipe = self.recipe
        fields = {"rotation": recipe.rotation, "rotation_chance": recipe.rotation_chance}
        if not recipe.recolour:
            fields["color"] = None
        if recipe.scale:
            fields |= {"scale": recipe.scale, "centre": "people", "jitter": 0.0}
        else:
            fields |= {"person_size": recipe.person_size, "zoom": recipe.zoom}
        size = recipe.patch_size(step)
        return PatchSampler(
            size, self.flip_indices, flip=recipe.flip, augment=self.augment, **fields
        )
