"""The PRN stage: the assigner alone, on the keypoints of labelled persons."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from keras import ops

from multiposenet.errors import InputError
from multiposenet.networks.pose_residual_network import PoseResidualNetwork
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.training.grouping.labelled_persons import LabelledPersons
from multiposenet.training.grouping.prn_batches import CandidatePairBatches
from multiposenet.training.loop import fitting
from multiposenet.training.losses import binary_crossentropy
from multiposenet.training.losses.replicas import divisor
from multiposenet.training.stages import run_model
from multiposenet.training.validation.prn import AssignmentValidation

COARSE = 2  # stride of the network of the coarse epochs


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    model = run_model.begin(job, "prn", "prn_stage")
    validate = None
    if job.val_annotations is not None:
        validate = AssignmentValidation(model.prn, job.val_annotations)
    train(
        model.prn,
        job.samples,
        job.recipe,
        model.skeleton.flip_indices,
        validate=validate,
        **job.fit_options,
    )
    return run_model.parts(model, "prn")


def train(
    prn,
    source,
    recipe,
    flip_indices,
    run,
    *,
    resume=False,
    validate=None,
    engine=None,
    callbacks=(),
):
    """Trains a ``PoseResidualNetwork`` in place.

    Args:
        prn: the network.
        source: ``LabelledPersons``, or what they are made of: ``CocoAnnotations``, ``Sample``s, or
            triples of boxes, keypoints and crowd per photo (``labelled_persons.photos``).
        recipe: a ``PRNRecipe``.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        resume, validate, engine, callbacks: see ``fitting.fit``.

    Raises:
        AnnotationError: nobody has enough keypoints.
        InputError: the batch cannot be cut, as ``engine`` or ``recipe.accumulate`` want it.
    """
    if recipe.accumulate > 1 or (engine and engine.devices * engine.processes > 1):
        raise InputError(
            "prn: a batch lists pairs of persons and candidates and cannot be cut; train on one "
            "device with accumulate=1"
        )
    # Of a skeleton of two keypoints nobody has more than two.
    more_than = min(recipe.more_than, len(flip_indices) - 1)
    people = source if isinstance(source, LabelledPersons) else LabelledPersons(source, more_than)
    options = {"resume": resume, "engine": engine}
    if recipe.coarse_epochs and prn.stride == 1:
        coarse = PoseResidualNetwork(**prn.config | {"stride": COARSE})
        first = dataclasses.replace(recipe, epochs=recipe.coarse_epochs)
        _fit(coarse, people, first, flip_indices, Path(run) / "coarse", **options)
        spread(coarse, prn)
        recipe = dataclasses.replace(
            recipe, curriculum=0.0, learning_rate=recipe.fine_share * recipe.learning_rate
        )
    _fit(prn, people, recipe, flip_indices, run, validate=validate, callbacks=callbacks, **options)


def _fit(prn, people, recipe, flip_indices, run, **options):
    batches = CandidatePairBatches(people, recipe, flip_indices)
    fitting.fit(PRNStage(prn, recipe), batches, recipe, steps=batches.steps, run=run, **options)


def spread(coarse, fine):
    """Gives a ``PoseResidualNetwork`` of stride 1 the weights that make it equal to a coarser one.

    What the coarser one does before and behind its layers, summing cells and interpolating
    bilinearly, is linear: it becomes part of the first and the last kernel.

    Args:
        coarse: of any stride; else of the same configuration.
        fine: of stride 1; changed.
    """
    num_keypoints, stride = coarse.num_keypoints, coarse.stride
    first, *between, last = (x for x in coarse.phi.layers if x.weights)
    new_first, *new_between, new_last = (x for x in fine.phi.layers if x.weights)
    shape = (HEIGHT // stride, WIDTH // stride, num_keypoints, -1)
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


class PRNStage(keras.Model):
    """An assigner alone, on candidates of ground truth (MultiPoseNet, section 3.5).

    The paper's loss is the binary cross-entropy of all cells of the maps, each keypoint's map being
    a softmax over its 56 x 36 cells (MultiPoseNet, section 3.4). This one looks only at the cells
    that hold a candidate, since no other can be chosen. It is a sum of three, whose shares the
    recipe gives:

    - ``choice``: of all candidates in a person's box, the person's own is the likeliest
      (cross-entropy of a softmax over the candidates);
    - ``rivalry``: of all persons in whose box a candidate lies, its owner is the likeliest. It
      makes logits comparable between boxes, without which giving a candidate to one person at
      most costs more than it brings;
    - ``membership``: every candidate is the person's or is not (binary cross-entropy of a sigmoid
      of its logit, where the paper has a cell's share of the softmax).

    Args:
        prn: a ``PoseResidualNetwork``, trained in place.
        recipe: a ``PRNRecipe``.
    """

    def __init__(self, prn, recipe):
        super().__init__(name="prn_stage")
        self.prn, self.recipe = prn, recipe
        self.parts = {
            name: keras.metrics.Mean(name) for name in ("choice", "rivalry", "membership")
        }
        self.built = True

    def call(self, x, training=None):
        """``(M,)`` logits of the entries of a batch, see ``CandidatePairBatches``."""
        return {"logits": sparse_logits(self.prn, x, training=training)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """``y``: ``own (M,)``, 1 for the person's own candidate, and ``taught (M,)``."""
        x, y = ({name: ops.convert_to_tensor(v) for name, v in part.items()} for part in (x, y))
        logits = ops.cast(y_pred["logits"], "float32")
        present = ops.cast(x["scores"] > 0, "float32")
        counted = present * y["taught"]
        own = y["own"] * counted
        num_keypoints = self.prn.num_keypoints
        of_person = x["person"] * num_keypoints + x["keypoint"]
        candidates = ops.shape(logits)[0]  # not more than entries
        alternatives = {
            "choice": (of_person, ops.shape(x["boxes"])[0] * num_keypoints),
            "rivalry": (x["candidate"], candidates),
        }
        losses = {}
        for name, (segment, segments) in alternatives.items():
            normalizer = segment_logsumexp(logits, present, segment, segments)
            losses[name] = _mean(own, normalizer - logits)
        entropy = binary_crossentropy(own, logits)
        losses["membership"] = _mean(counted, entropy)
        total = 0.0
        for name, loss in losses.items():
            self.parts[name].update_state(loss)
            total = total + getattr(self.recipe, name) * loss
        return total


def _mean(weights, values):
    return ops.sum(weights * values) / divisor(ops.sum(weights))


def segment_logsumexp(logits, present, segment, segments):
    """``(M,)``: logarithm of the sum of exponentials over the present entries of one's segment.

    Args:
        logits, present: ``(M,)``; present is 0 or 1.
        segment: ``(M,)`` int32.
        segments: a number that all are below.
    """
    masked = ops.where(present > 0, logits, -1e9)
    highest = ops.take(ops.segment_max(ops.stop_gradient(masked), segment, segments), segment)
    powers = present * ops.exp(ops.where(present > 0, logits - highest, 0.0))
    total = ops.take(ops.segment_sum(powers, segment, segments), segment)
    return ops.log(total + 1e-20) + highest


def sparse_logits(prn, x, training=None):
    """``prn.logits`` read at the candidates, without the arithmetic for all other cells.

    Args:
        prn: a ``PoseResidualNetwork``.
        x: entries, see ``CandidatePairBatches``.
        training: apply dropout.

    Returns:
        ``(M,)``, equal to ``roi_crop.read`` of the dense maps.
    """
    x = {name: ops.convert_to_tensor(values) for name, values in x.items()}
    num_keypoints, stride = prn.num_keypoints, prn.stride
    first, *between, last = [layer for layer in prn.phi.layers if not isinstance(layer, FLAT)]
    cells, weights = _coarse(x["cells"], stride)
    heights = x["weights"][..., None] * ops.cast(weights, "float32") * x["scores"][:, None, None]
    hidden = _sum_rows(first.kernel, cells * num_keypoints + x["keypoint"][:, None, None], heights)
    people = ops.shape(x["boxes"])[0]
    hidden = ops.segment_sum(hidden, x["person"], people)
    hidden = first.activation(hidden + first.bias)
    for layer in between:
        hidden = layer(hidden, training=training)
    cells, weights = _fine(x["cells"], stride)
    weights = x["weights"][..., None] * ops.cast(weights, "float32")
    index = cells * num_keypoints + x["keypoint"][:, None, None]
    rows = _sum_rows(ops.transpose(last.kernel), index, weights)
    logits = ops.sum(rows * ops.take(hidden, x["person"], axis=0), axis=-1)
    logits = logits + ops.sum(weights * ops.take(last.bias, index), axis=(1, 2))
    return logits + x["peaks"] if prn.residual else logits


FLAT = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.InputLayer)


def _sum_rows(table, index, weights):
    """``(M, d)``: weighted sum of some rows of a table, ``index`` and ``weights (M, C, D)``."""
    count = index.shape[1] * index.shape[2]
    rows = ops.take(table * 1.0, ops.reshape(index, (-1, count)), axis=0)
    if count == 1:
        return rows[:, 0] * ops.reshape(weights, (-1, 1))
    return ops.einsum("mcd,mc->md", rows, ops.reshape(weights, (-1, count)))


def _coarse(cells, stride):
    """The cell of the MLP's input that each cell of the crop is summed into."""
    row, column = cells // WIDTH, cells % WIDTH
    coarse = (row // stride) * (WIDTH // stride) + column // stride
    return coarse[..., None], np.ones((1, 1, 1))


def _fine(cells, stride):
    """The cells of the MLP's output that each cell of the crop is interpolated from, bilinearly."""
    if stride == 1:
        return cells[..., None], np.ones((1, 1, 1))
    (up, along_y), (left, along_x) = (_neighbours(side, stride) for side in (HEIGHT, WIDTH))
    row, column = cells // WIDTH, cells % WIDTH
    rows, columns = ops.take(up, row, axis=0), ops.take(left, column, axis=0)
    index = rows[..., :, None] * (WIDTH // stride) + columns[..., None, :]
    weights = ops.take(along_y, row, axis=0)[..., :, None]
    weights = weights * ops.take(along_x, column, axis=0)[..., None, :]
    shape = (-1, cells.shape[1], 4)
    return ops.reshape(index, shape), ops.reshape(weights, shape)


def _neighbours(side, stride):
    """``(side, 2)`` coarse cells and weights of bilinear enlargement, pixel centres at a half."""
    place = np.clip((np.arange(side) + 0.5) / stride - 0.5, 0, side // stride - 1)
    low = np.minimum(place.astype(np.int32), side // stride - 2)
    part = (place - low).astype(np.float32)
    return np.stack([low, low + 1], axis=1), np.stack([1 - part, part], axis=1)
