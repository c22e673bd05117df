"""The stage of G-RMI's single-person network."""

import dataclasses

import keras
import numpy as np
from keras import ops

from multiposenet.errors import InputError, WeightsError
from multiposenet.networks import crop_margins, grmi
from multiposenet.networks.public_weights.movenet_weights import is_movenet
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.systems.grmi_files import GRMIFile
from multiposenet.training import losses, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.loop import fitting
from multiposenet.training.patches.person_crops import CropSampler
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.stages.sppe import CropBatches
from multiposenet.training.validation.sppe import PoseValidation


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    recipe, skeleton = job.recipe, job.skeleton
    architecture = recipe.architecture()
    network = begin(recipe, architecture, skeleton)
    job.run.mkdir(parents=True, exist_ok=True)
    described = run_folder.describe_sppe(skeleton, architecture)
    run_folder.record_architecture(job.run / "grmi.json", described, job.engine.writes)
    trained = grmi.inference_model(network)
    validate = None
    if job.val_annotations is not None:
        photos = coco.from_annotations(job.val_annotations, job.val_images, skeleton=skeleton)
        validate = PoseValidation(
            trained, photos, skeleton, margin=crop_margins.GRMI, codec=architecture.codec
        )
    batches = DiskBatches(job.samples, recipe, architecture, skeleton)
    fitting.fit(
        GRMIStage(network, recipe),
        batches,
        recipe,
        steps=recipe.steps,
        validate=validate,
        **job.fit_options,
    )
    return [trained]


def begin(recipe, architecture, skeleton):
    """The network with the weights that a recipe begins with, and frozen as it says.

    Raises:
        WeightsError: they cannot be had, or are of a network of other sizes or keypoints.
        InputError: the backbone has no weights of this kind.
    """
    count, start = skeleton.num_keypoints, recipe.pretrained
    imagenet = "imagenet" if start == "imagenet" else None
    try:
        network = architecture.network(count, imagenet, auxiliary=recipe.auxiliary > 0)
    except ValueError as error:
        raise InputError(f"--set: pretrained: {error}") from error
    if is_movenet(start):
        try:
            grmi.load_movenet_start(network, start)
        except ValueError as error:
            raise InputError(
                f"--set: pretrained: {start} is a MoveNet's, the backbone is "
                f"{architecture.backbone}; use movenet_thunder"
            ) from error
    elif start not in ("none", "imagenet"):
        _take(network, start, architecture, skeleton)
    kept = {"none": (), "backbone": (architecture.backbone,)}.get(
        recipe.frozen, (architecture.backbone, "keypoint_pyramid")
    )
    for layer in network.layers:
        if layer.name in kept:
            layer.trainable = False
    return network


def _take(network, start, architecture, skeleton):
    """Gives a network the weights of another, whose crops may be of another size."""
    found = GRMIFile.find(start)
    # R and the size of the crops are no part of the weights, but for those of each cell.
    free = {name: getattr(found.architecture, name) for name in ("radius", "image_size")}
    same = dataclasses.replace(architecture, **free)
    if (found.skeleton, same) != (skeleton, found.architecture):
        raise WeightsError(
            f"{start}: architecture: is of other sizes or keypoints; make them equal, or "
            "--set pretrained=none"
        )
    other = found.architecture.network(skeleton.num_keypoints)
    load_completely(grmi.inference_model(other), found.path)
    for layer in other.layers:
        own = network.get_layer(layer.name)
        if isinstance(layer, grmi.PlaceBias):
            own.bias.assign(ops.image.resize(layer.bias, own.bias.shape[:2]))
        else:
            own.set_weights(layer.get_weights())


class GRMIStage(keras.Model):
    """The network with G-RMI's loss.

    Args:
        network: of ``GRMIArchitecture.network``, trained in place.
        recipe: a ``GRMIRecipe``.
    """

    def __init__(self, network, recipe):
        super().__init__(name="grmi_stage")
        self.network, self.recipe = network, recipe
        self.heatmaps = keras.metrics.Mean("heatmaps")
        self.offsets = keras.metrics.Mean("offsets")
        self.built = True

    def call(self, images, training=None):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        recipe, disks, weight = self.recipe, y["heatmaps"], y["weight"]
        heatmaps = losses.disk_logistic(disks, y_pred["heatmaps"], weight)
        offsets = losses.offset_huber(
            y["offsets"], y_pred["offsets"], disks, weight, delta=recipe.huber
        )
        self.heatmaps.update_state(heatmaps)
        self.offsets.update_state(offsets)
        if "auxiliary" in y_pred:
            middle = losses.disk_logistic(disks, y_pred["auxiliary"], weight)
            heatmaps = heatmaps + recipe.auxiliary * middle
        return recipe.heatmap_weight * heatmaps + recipe.offset_weight * offsets


class DiskBatches(CropBatches):
    """``batches(step)``: crops of persons, their disks and offsets, and keypoints that count.

    Args:
        samples: list of ``datasets.Sample``.
        recipe: a ``GRMIRecipe``.
        architecture: the ``GRMIArchitecture``.
        skeleton: the keypoints.

    Raises:
        AnnotationError: nobody can be learnt from.
    """

    def __init__(self, samples, recipe, architecture, skeleton):
        noise = recipe.box_noise
        proposals = BoxNoise(skeleton.keypoints, noise) if noise else None
        super().__init__(samples, recipe, architecture.image_size, skeleton.flip_indices, proposals)
        self.codec, self.cells = architecture.codec, architecture.cells

    def _sampler(self):
        recipe = self.recipe
        return CropSampler(
            self.size,
            self.flip_indices,
            self.proposals,
            tuple(factor - 1 for factor in recipe.enlarge),
            rotation=recipe.rotation,
            rotation_chance=recipe.rotation_chance,
            flip=recipe.flip,
        )

    def _targets(self, crops):
        maps = [
            self.codec.encode(crop.keypoints[None], [self.codec.radius], self.cells)
            for crop in crops
        ]
        targets = {name: np.stack([own[name] for own in maps]) for name in maps[0]}
        labelled = np.stack([crop.labelled for crop in crops]).astype(np.float32)
        return {**targets, "weight": labelled}
