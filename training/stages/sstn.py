"""The stage of the symmetric STN around a trained SPPE, with the frozen parallel SPPE.

RMPE's localisation network learns from the error of poses alone. In a short run that is too little:
the error tells hardly more than in which direction a keypoint is nearer. The true boxes are known,
and what an exact STN would do follows from them: before the stage tunes it, the localisation
network can learn from that (``train_localisation``). What it has learnt is kept in
RUN/located.weights.h5.
"""

import keras
import numpy as np
from keras import ops

from multiposenet.errors import InputError
from multiposenet.files.writing import save_weights
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.networks.spatial_transformer import transform
from multiposenet.networks.sppe import inference_model
from multiposenet.networks.symmetric_stn import with_parallel_sppe
from multiposenet.training import losses, run_folder
from multiposenet.training.loop import fitting
from multiposenet.training.patches.targets import centre_pose, centring_theta
from multiposenet.training.stages import sppe as sppe_stage
from multiposenet.training.stages.sppe import CropBatches, loss_of

LOCALISATION_START = "located.weights.h5"
"""File of the localisation network as it is before the stage tunes it."""

EPOCHS = 20
BATCH = 128
_RATE, _DECAY = 1e-3, 1e-2
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
_FAR = 0.2  # errors beyond it count linearly; 1 is half of a proposal


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    recipe, run = job.recipe, job.run
    architecture = run_folder.load_sppe_architecture(run)[1]
    sppe = run_folder.load_sppe(run)
    localisation = architecture.localisation(sppe)
    if recipe.localisation_crops and architecture.localisation_network != "pose":
        raise InputError(
            "--set: localisation_crops: of the localisation network 'pose', and the run's is "
            f"{architecture.localisation_network!r}; use 0"
        )
    sppe_stage.record(job, architecture)
    proposals = sppe_stage.generator(recipe, run, job.skeleton)
    validate = sppe_stage.validation(
        job,
        inference_model(sppe, localisation),
        proposals=proposals,
        margin=architecture.margin,
    )
    if recipe.localisation_crops:
        _start_localisation(job, sppe, localisation, proposals)
    if recipe.steps:
        train(
            sppe,
            localisation,
            job.samples,
            recipe,
            job.skeleton.flip_indices,
            proposals=proposals,
            validate=validate,
            **job.fit_options,
        )
    return [sppe, localisation]


def _start_localisation(job, sppe, localisation, proposals):
    """Lets a localisation network learn where boxes are, or takes what it has learnt before."""
    path = job.run / LOCALISATION_START
    if path.is_file():
        run_folder.load_weights(localisation, path, "sstn")
        return
    size, flip_indices = sppe.input_shape[1:3], job.skeleton.flip_indices
    before, after = train_localisation(
        localisation, job.samples, job.recipe, flip_indices, proposals, size
    )
    if job.engine.writes:
        crops = job.recipe.localisation_crops
        print(f"localisation: corner error {before:.4f} -> {after:.4f} on {crops} crops")
        save_weights(localisation, path)


def train(sppe, localisation, samples, recipe, flip_indices, run, *, proposals=None, **options):
    """Trains a localisation network and the SPPE behind it in place.

    Args:
        sppe: as of ``sppe.train``, trained; the frozen parallel SPPE is a copy of it.
        localisation: ``keras.Model`` from images to theta.
        recipe: an ``SSTNRecipe``.
        samples, flip_indices, run, proposals, **options: as of ``sppe.train``.

    Raises:
        AnnotationError: no person of the samples has a labelled keypoint.
    """
    batches = CentredCropBatches(
        samples,
        recipe,
        localisation.input_shape[1:3],
        flip_indices,
        proposals,
        image_size=sppe.input_shape[1:3],
    )
    stage = SSTNStage(sppe, localisation, loss_of(recipe), recipe.parallel, recipe.sppe_rate)
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, **options)


class SSTNStage(keras.Model):
    """STN, SPPE and SDTN, and the parallel SPPE, which never changes (RMPE, figure 6).

    Args:
        sppe: from images to a dict of heatmaps, trained in place.
        localisation: from images to theta, trained in place.
        loss: function of target, maps and weight.
        parallel: weight of the parallel SPPE's error.
        sppe_rate: the SPPE's share of the learning rate.

    Attributes:
        rates: share of the learning rate of each trainable variable.
    """

    def __init__(self, sppe, localisation, loss=losses.map_l2, parallel=1.0, sppe_rate=1.0):
        super().__init__(name="sstn_stage")
        sppe.trainable = localisation.trainable = True
        self.network = with_parallel_sppe(sppe, localisation)
        self.loss_function, self.parallel = loss, parallel
        self.final = keras.metrics.Mean("final")
        self.centred = keras.metrics.Mean("centred")
        self.built = True
        slow = {id(variable) for variable in sppe.trainable_variables}
        self.rates = [
            sppe_rate if id(variable) in slow else 1.0 for variable in self.trainable_variables
        ]

    def call(self, images, training=None):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, centred, weight = y["target"], y["centred"], y["weight"]
        self.final.update_state(self.loss_function(target, y_pred["own"]["heatmaps"], weight))
        parallel = y_pred["centred"]["heatmaps"]
        self.centred.update_state(self.loss_function(centred, parallel, weight))
        return losses.symmetric_stn(
            target, centred, y_pred, weight, loss=self.loss_function, parallel=self.parallel
        )


class CentredCropBatches(CropBatches):
    """The same with the heatmaps of the parallel SPPE."""

    def _targets(self, crops):
        keypoints = np.stack([crop.keypoints for crop in crops])
        boxes = np.stack([crop.box for crop in crops])
        margin = MARGIN if self.recipe.rescaled else None
        points = centre_pose(keypoints[..., :2], boxes, self.image_size, margin)
        centred = self._heatmaps(points, keypoints[..., 2], self.image_size)
        return {**super()._targets(crops), "centred": centred}


def train_localisation(localisation, samples, recipe, flip_indices, proposals, image_size):
    """Trains the head of a ``pose_localisation`` in place.

    Args:
        localisation: the network.
        samples, flip_indices, proposals: as of ``train``.
        recipe: an ``SSTNRecipe``; ``localisation_crops`` is how many crops are looked at, once.
        image_size: height and width of the SPPE's images.

    Returns:
        The mean ``corner_error`` on these crops, before and after.

    Raises:
        AnnotationError: no person of the samples has a labelled keypoint.
    """
    batches = LocalisationBatches(
        samples, recipe, localisation.input_shape[1:3], flip_indices, proposals, image_size
    )
    seeing = keras.Model(localisation.input, localisation.get_layer("features").output)
    seen, thetas = [], []
    count = -(-recipe.localisation_crops // recipe.batch_size)
    for step in range(recipe.steps, recipe.steps + count):  # crops that the stage does not see
        images, theta = batches(step)
        seen.append(seeing.predict_on_batch(images))
        thetas.append(theta)
    seen, thetas = np.concatenate(seen), np.concatenate(thetas)
    head = localisation.get_layer("head")
    updates = EPOCHS * -(-len(seen) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(_RATE, updates)
    head.compile(keras.optimizers.AdamW(rate, weight_decay=_DECAY), corner_error)
    before = head.evaluate(seen, thetas, BATCH, verbose=0)
    head.fit(seen, thetas, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return before, head.evaluate(seen, thetas, BATCH, verbose=0)


def corner_error(exact, theta):
    """Huber error of where two maps send the corners of the STN's result, (B,).

    Args:
        exact: ``(B, 2, 3)``.
        theta: prediction of the same shape.
    """
    corners = ops.convert_to_tensor([_CORNERS], "float32")
    errors = keras.losses.huber(transform(exact, corners), transform(theta, corners), delta=_FAR)
    return ops.mean(errors, axis=-1)


class LocalisationBatches(CropBatches):
    """``CropBatches`` with the maps of an exact STN as targets, ``(B, 2, 3)``."""

    def _targets(self, crops):
        boxes = np.stack([crop.box for crop in crops])
        return centring_theta(boxes, self.size, self.image_size, MARGIN)
