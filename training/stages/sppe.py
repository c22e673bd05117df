"""The stage of the single-person pose estimator (SPPE) alone, and what the SSTN stage shares."""

import functools
from pathlib import Path

import keras
import numpy as np

from multiposenet.errors import AnnotationError, InputError, WeightsError
from multiposenet.networks.sppe import inference_model, proposal_margin
from multiposenet.training import losses, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import share_of
from multiposenet.training.patches.person_crops import CropSampler, people
from multiposenet.training.patches.targets import heatmap_targets
from multiposenet.training.proposals import DPG, PGPG
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.proposals.dpg import PooledDPG
from multiposenet.training.registry import STAGES
from multiposenet.training.validation.sppe import PoseValidation


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    recipe, skeleton = job.recipe, job.skeleton
    try:
        architecture = recipe.architecture()
        sppe = architecture.single_person(skeleton.num_keypoints)
    except ValueError as error:
        raise InputError(f"--set: {error}") from error
    if recipe.pretrained != "none":
        sppe = _pretrained(recipe.pretrained, skeleton, architecture)
    record(job, architecture)
    train(
        sppe,
        job.samples,
        recipe,
        skeleton.flip_indices,
        proposals=generator(recipe, job.run, skeleton),
        validate=validation(job, inference_model(sppe)),
        **job.fit_options,
    )
    return [sppe]


def record(job, architecture):
    """Records the sizes of RMPE's network in the run's folder, and checks the recipe.

    Raises:
        WeightsError: an earlier stage of the run trained another network.
        InputError: the recipe's loss is not of its maps, or its generator not for processes.
    """
    path = job.run / "rmpe.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    described = run_folder.describe_sppe(job.skeleton, architecture)
    run_folder.record_architecture(path, described, job.engine.writes)
    if job.recipe.loss == "focal" and not architecture.sigmoid:
        raise InputError(
            "--set: loss: 'focal' is of sigmoid maps, and the run's SPPE has linear ones; use 'l2'"
        )
    if job.recipe.generator == "dpg" and job.engine.workers:
        raise InputError(
            "--workers: the generator 'dpg' is a network, which works in this process alone; use 0"
        )


def validation(job, network, **options):
    """What measures a network for inference while its parts are trained; None without data.

    Annotations of another skeleton are measured by the keypoints that both have.

    Args:
        job: the ``Job``.
        network: of ``networks.sppe.inference_model``.
        **options: of ``PoseValidation``.
    """
    if job.val_annotations is None:
        return None
    photos = coco.from_annotations(job.val_annotations, job.val_images, skeleton=job.skeleton)
    return PoseValidation(network, photos, job.skeleton, **options)


def _pretrained(run, skeleton, architecture):
    """The SPPE of another run.

    Raises:
        WeightsError: there is none, or it has other sizes or keypoints.
    """
    if run_folder.load_sppe_architecture(run) != (skeleton, architecture):
        raise WeightsError(
            f"{run}: rmpe.json: is of other sizes or keypoints; make them equal, or "
            "--set pretrained=none"
        )
    return run_folder.load_sppe(run)


def generator(recipe, run, skeleton):
    """The recipe's generator of proposals; None for true boxes.

    Raises:
        WeightsError: the run has no file of the generator, or it is of other keypoints.
    """
    if recipe.generator == "noise":
        return BoxNoise(skeleton.keypoints, recipe.box_noise) if recipe.box_noise else None
    found = load_generator(Path(run) / STAGES[recipe.generator].files[0], skeleton)
    if isinstance(found, DPG):
        return PooledDPG(found.network, found.skeleton, found.iou)
    return found


def load_generator(path, skeleton):
    """A fitted generator of proposals, of ``multiposenet train pgpg`` or ``train dpg``.

    Raises:
        WeightsError: the file is missing, damaged or of other keypoints.
    """
    found = (PGPG if Path(path).suffix == ".npz" else DPG).load(path)
    if found.names != skeleton.keypoints:
        raise WeightsError(
            f"{path}: names: it was fitted on other keypoints than {skeleton.name}; "
            "fit it on annotations of the same"
        )
    return found


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
        **options: of ``fitting.fit``, such as ``resume``.

    Raises:
        AnnotationError: no person of the samples has a labelled keypoint.
    """
    batches = CropBatches(samples, recipe, sppe.input_shape[1:3], flip_indices, proposals)
    stage = SPPEStage(sppe, loss_of(recipe))
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


class CropBatches:
    """``batches(step)`` is the batch of a step: crops of persons, heatmaps, which keypoints count.

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
                f"persons: no person of at least {recipe.least_size:g} pixels has a labelled "
                "keypoint; give data sets with keypoints"
            )
        self.recipe, self.size, self.flip_indices = recipe, tuple(size), flip_indices
        self.proposals = proposals
        self.image_size = tuple(image_size or size)
        self.samples, self.fingerprint = samples, fingerprint(samples)

    def __call__(self, step):
        return self.share(step, 0, 1)

    def share(self, step, process, processes):
        """What one of several processes makes of a step's batch: the rows of its share."""
        own = share_of(self.recipe.batch_size, process, processes)
        drawn = list(enumerate(self._draw(step)))[own]
        # One sampler per batch: its colour changes hold a random state that threads must not share.
        sampler = self._sampler()
        crops = [
            sampler(person, np.random.default_rng((self.recipe.seed, step, row)))
            for row, person in drawn
        ]
        return np.stack([crop.image for crop in crops]), self._targets(crops)

    def _sampler(self):
        recipe = self.recipe
        return CropSampler(
            self.size,
            self.flip_indices,
            self.proposals,
            proposal_margin(self.size, self.image_size),
            scale=recipe.scale,
            rotation=recipe.rotation,
            rotation_chance=recipe.rotation_chance,
            flip=recipe.flip,
        )

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
