"""RMPE's stages: the single-person pose estimator (SPPE), and the symmetric STN around it."""

import functools

import keras
import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.networks.sppe import MARGIN, proposal_margin
from multiposenet.networks.symmetric_stn import with_parallel_sppe
from multiposenet.training import losses
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import share_of
from multiposenet.training.patches.person_crops import CropSampler, people
from multiposenet.training.patches.targets import centre_pose, heatmap_targets


def train(sppe, samples, recipe, flip_indices, run, *, proposals=None, **options):
    """Trains an SPPE in place.

    Args:
        sppe: ``keras.Model`` from images to a dict of heatmaps, the prediction and any
            intermediate ones, such as an ``hourglass``.
        samples: list of ``datasets.Sample``.
        recipe: a ``SinglePersonRecipe``; that of the SSTN stage trains the SPPE on the same crops
            without an STN.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        proposals: generator of the boxes that are cropped; None crops true boxes.
        **options: of ``loop.fit``, such as ``resume``.

    Raises:
        AnnotationError: no person of the samples has a labelled joint.
    """
    batches = Batches(samples, recipe, sppe.input_shape[1:3], flip_indices, proposals)
    stage = SPPEStage(sppe, loss_of(recipe))
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, **options)


def train_sstn(
    sppe, localisation, samples, recipe, flip_indices, run, *, proposals=None, **options
):
    """Trains a localisation network and the SPPE behind it in place.

    Args:
        sppe: as of ``train``, trained; the frozen parallel SPPE is a copy of it.
        localisation: ``keras.Model`` from images to theta.
        recipe: an ``SSTNRecipe``.
        samples, flip_indices, run, proposals, **options: as of ``train``.

    Raises:
        AnnotationError: no person of the samples has a labelled joint.
    """
    batches = CentredBatches(
        samples,
        recipe,
        localisation.input_shape[1:3],
        flip_indices,
        proposals,
        image_size=sppe.input_shape[1:3],
    )
    stage = SSTNStage(sppe, localisation, loss_of(recipe), recipe.parallel, recipe.sppe_rate)
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, **options)


def loss_of(recipe):
    """The recipe's loss of one stack, a function of target, maps and weight."""
    if recipe.loss == "l2":
        return losses.map_l2
    return functools.partial(losses.map_focal, gamma=recipe.gamma)


class SPPEStage(keras.Model):
    """An SPPE with the same targets for every stack.

    Args:
        sppe: from images to a dict of heatmaps, trained in place.
        loss: function of target, maps and weight.
    """

    def __init__(self, sppe, loss=losses.map_l2):
        super().__init__(name="sppe_stage")
        self.sppe, self.loss_function = sppe, loss
        sppe.trainable = True
        self.final = keras.metrics.Mean("final")
        self.built = True

    def call(self, images, training=None):
        return self.sppe(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        errors = {
            key: self.loss_function(y["target"], maps, y["weight"]) for key, maps in y_pred.items()
        }
        self.final.update_state(errors["heatmaps"])
        return sum(errors.values())


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


class Batches:
    """``batches(step)`` is the batch of a step: crops of persons, heatmaps, and joints that count.

    Args:
        samples: list of ``datasets.Sample``.
        recipe: a ``SinglePersonRecipe``.
        size: height and width of the crops.
        flip_indices: of the skeleton.
        proposals: generator of the boxes that are cropped; None crops true boxes.
        image_size: height and width of the SPPE's images, if crops show more than those.

    Raises:
        AnnotationError: nobody can be learnt from.
    """

    def __init__(self, samples, recipe, size, flip_indices, proposals=None, image_size=None):
        self.people = people(samples, recipe.least_size)
        if not self.people:
            raise AnnotationError(
                f"sppe: no person of at least {recipe.least_size:g} pixels has a labelled joint; "
                "give data sets with keypoints"
            )
        self.recipe, self.size, self.flip_indices = recipe, tuple(size), flip_indices
        self.proposals = proposals
        self.image_size = tuple(image_size or size)
        self.samples, self.fingerprint = samples, fingerprint(samples)

    def __call__(self, step):
        return self.share(step, 0, 1)

    def share(self, step, process, processes):
        """What one of several processes makes of a step's batch: the rows of its share."""
        recipe = self.recipe
        drawn = list(enumerate(self._draw(step)))[share_of(recipe.batch_size, process, processes)]
        # One sampler per batch: its colour changes hold a random state that threads must not share.
        sampler = CropSampler(
            self.size,
            self.flip_indices,
            self.proposals,
            proposal_margin(self.size, self.image_size),
            scale=recipe.scale,
            rotation=recipe.rotation,
            rotation_chance=recipe.rotation_chance,
            flip=recipe.flip,
        )
        crops = [
            sampler(person, np.random.default_rng((recipe.seed, step, row)))
            for row, person in drawn
        ]
        return np.stack([crop.image for crop in crops]), self._targets(crops)

    def describe(self, step):
        """The photos of a step's batch."""
        return ", ".join(person.photo.path.name for person in self._draw(step))

    def _draw(self, step):
        rng = np.random.default_rng((self.recipe.seed, step))
        chosen = rng.integers(len(self.people), size=self.recipe.batch_size)
        return [self.people[index] for index in chosen]

    def _targets(self, crops):
        keypoints = np.stack([crop.keypoints for crop in crops])
        return {
            "target": self._heatmaps(keypoints[..., :2], keypoints[..., 2], self.size),
            "weight": np.stack([crop.labelled for crop in crops]).astype(np.float32),
        }

    def _heatmaps(self, points, visible, size):
        return heatmap_targets(points, visible, self.recipe.sigma, size)


class CentredBatches(Batches):
    """The same with the heatmaps of the parallel SPPE."""

    def _targets(self, crops):
        keypoints = np.stack([crop.keypoints for crop in crops])
        boxes = np.stack([crop.box for crop in crops])
        margin = MARGIN if self.recipe.rescaled else None
        points = centre_pose(keypoints[..., :2], boxes, self.image_size, margin)
        centred = self._heatmaps(points, keypoints[..., 2], self.image_size)
        return {**super()._targets(crops), "centred": centred}
