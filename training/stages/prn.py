"""The PRN stage: the assigner alone, on the keypoints of labelled persons."""

import dataclasses
from pathlib import Path

import numpy as np
from keras import ops

from multiposenet.errors import InputError
from multiposenet.networks.pose_residual_network import PoseResidualNetwork
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.training.grouping.candidate_pairs import Batches
from multiposenet.training.grouping.labelled_persons import People
from multiposenet.training.loop import fitting
from multiposenet.training.stages.prn_loss import PRNStage

COARSE = 2  # stride of the network of the coarse epochs


def train(prn, source, recipe, flip_indices, run, *, resume=False, validate=None, engine=None):
    """Trains a ``PoseResidualNetwork`` in place.

    Args:
        prn: the network.
        source: ``People``, or what they are made of: ``CocoAnnotations``, ``Sample``s, or triples
            of boxes, keypoints and crowd per photo (``people.photos``).
        recipe: a ``PRNRecipe``.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        resume, validate, engine: see ``loop.fit``.

    Raises:
        AnnotationError: nobody has enough keypoints.
        InputError: the batch cannot be cut, as ``engine`` or ``recipe.accumulate`` want it.
    """
    if recipe.accumulate > 1 or (engine and engine.devices * engine.processes > 1):
        raise InputError(
            "prn: a batch lists pairs of persons and candidates and cannot be cut; train on one "
            "device with accumulate=1"
        )
    people = source if isinstance(source, People) else People(source, recipe.more_than)
    options = {"resume": resume, "engine": engine}
    if recipe.coarse_epochs and prn.stride == 1:
        coarse = PoseResidualNetwork(**prn.config | {"stride": COARSE})
        first = dataclasses.replace(recipe, epochs=recipe.coarse_epochs)
        _fit(coarse, people, first, flip_indices, Path(run) / "coarse", **options)
        spread(coarse, prn)
        recipe = dataclasses.replace(
            recipe, curriculum=0.0, learning_rate=recipe.fine_share * recipe.learning_rate
        )
    _fit(prn, people, recipe, flip_indices, run, validate=validate, **options)


def _fit(prn, people, recipe, flip_indices, run, **options):
    batches = Batches(people, recipe, flip_indices)
    fitting.fit(PRNStage(prn, recipe), batches, recipe, steps=batches.steps, run=run, **options)


def spread(coarse, fine):
    """Gives a ``PoseResidualNetwork`` of stride 1 the weights that make it equal to a coarser one.

    What the coarser one does before and behind its layers, summing cells and interpolating
    bilinearly, is linear: it becomes part of the first and the last kernel.

    Args:
        coarse: of any stride; else of the same configuration.
        fine: of stride 1; changed.
    """
    joints, stride = coarse.num_keypoints, coarse.stride
    first, *between, last = (x for x in coarse.phi.layers if x.weights)
    new_first, *new_between, new_last = (x for x in fine.phi.layers if x.weights)
    shape = (HEIGHT // stride, WIDTH // stride, joints, -1)
    kernel = ops.reshape(first.kernel, shape)
    kernel = ops.repeat(ops.repeat(kernel, stride, axis=0), stride, axis=1)
    new_first.kernel.assign(ops.reshape(kernel, new_first.kernel.shape))
    new_first.bias.assign(first.bias)
    for layer, new in zip(between, new_between, strict=True):
        for weight, new_weight in zip(layer.trainable_weights, new.trainable_weights, strict=True):
            new_weight.assign(weight)
    for weight, new_weight in ((last.kernel, new_last.kernel), (last.bias, new_last.bias)):
        maps = ops.convert_to_numpy(weight).reshape(-1, *shape[:3])
        maps = ops.image.resize(
            maps, (HEIGHT, WIDTH), interpolation="bilinear", data_format="channels_last"
        )
        new_weight.assign(np.reshape(ops.convert_to_numpy(maps), new_weight.shape))
