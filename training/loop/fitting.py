"""The one training loop: straight through, logged, checkpointed, resumable."""

import math
from contextlib import closing, nullcontext
from pathlib import Path

import keras
import numpy as np

from multiposenet import signals
from multiposenet.errors import Interrupted, TrainingError
from multiposenet.training.loop.averaging import finish, finished
from multiposenet.training.loop.best_weights import BestWeights
from multiposenet.training.loop.callbacks import Callbacks
from multiposenet.training.loop.checkpoint import Checkpoint
from multiposenet.training.loop.engine import Engine
from multiposenet.training.loop.fingerprint import PhotoFiles
from multiposenet.training.loop.monitor import Monitor
from multiposenet.training.loop.run_lock import run_lock
from multiposenet.training.loop.run_record import RunRecord
from multiposenet.training.loop.schedules import Schedule

STATISTICS_BATCHES = 50


def fit(
    stage,
    batches,
    recipe,
    *,
    steps,
    run,
    resume=False,
    validate=None,
    engine=None,
    callbacks=(),
    log_every=50,
    checkpoint_every=500,
):
    """Trains a stage for some optimizer steps and leaves it with the averaged weights.

    A run that is killed at any moment and resumed ends with the weights of one that was not: the
    checkpoint holds weights, batch statistics, random states, optimizer and schedule, and a batch
    depends on its step alone. (On TensorFlow, batches of more than ``engine.SIZES`` different
    shapes may round otherwise after resuming.)

    The stage's loss is what its ``compute_loss`` returns, from float32 predictions. The parts of
    the loss are shown if the stage has a ``keras.metrics.Mean`` for each, made in its
    ``__init__`` and updated in ``compute_loss``::

        self.heatmaps = keras.metrics.Mean("heatmaps")     # in __init__
        self.heatmaps.update_state(heatmap_loss)           # in compute_loss

    Args:
        stage: ``keras.Model`` with such a ``compute_loss``, made within ``engine.scope()``.
        batches: function of the step to ``(x, y)``; all randomness from the step number. May have
            ``fingerprint``, a string that tells the data; ``samples``, whose files must not change;
            ``describe(step)``, a string that names what a batch holds; ``share``, see
            ``Engine.share``.
        recipe: a ``Recipe``.
        steps: optimizer steps in all.
        run: folder for ``NAME.npz`` (checkpoint), ``NAME.json`` (``RunRecord``) and what a
            ``Monitor`` writes; NAME is the stage's.
        resume: go on from the folder's checkpoint, if there is one.
        validate: function of no arguments to figures such as ``{"keypoints/AP": 0.12}``, for the
            weights that the stage would be left with, called every ``recipe.validate_every``
            steps and after the last. The first figure decides about best and plateau.
        engine: an ``Engine``; by default one device, in the recipe's precision.
        callbacks: Keras' callbacks, called as ``Callbacks`` tells.
        log_every: steps between log lines.
        checkpoint_every: steps between checkpoints.

    Raises:
        TrainingError: a loss, gradient or weight is not finite; the last checkpoint is kept.
        InputError: there is a checkpoint and ``resume`` is not set, or it is of another recipe, or
            the recipe cannot be divided between the engine's devices, or another process trains
            the stage in this folder, or a photo has changed since the start, or a callback is none.
        WeightsError: the checkpoint does not fit the stage.
        Interrupted: a signal asked to stop; the checkpoint is of the last step. A second signal
            does not wait for the end of a step.
        OSError: a file cannot be written; the last checkpoint is kept.
    """
    engine = engine or Engine(precision=recipe.precision)
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    schedule = Schedule(recipe, steps)
    monitor = Monitor(run, stage.name, steps, shown=engine.writes)
    photos = PhotoFiles(getattr(batches, "samples", ()))
    record = RunRecord(
        run / f"{stage.name}.json",
        stage.name,
        steps,
        recipe,
        _fingerprint(batches),
        photos.fingerprint,
    )
    checkpoint = Checkpoint(run, stage, schedule, monitor, record, engine)
    best = BestWeights(run, stage, recipe, monitor, engine.writes)
    callbacks = Callbacks(callbacks, stage, recipe.validate_every, steps)

    def inputs_before(step):
        """Of the batches for batch statistics."""
        steps = range(max(step - STATISTICS_BATCHES, 0), step)
        return engine.inputs(batches, shares, steps, recipe.accumulate)

    def due(step, every):
        return step == steps or (every > 0 and step % every == 0)

    lock = run_lock(run / f"{stage.name}.lock") if engine.writes else nullcontext()
    with lock, engine.training(stage, recipe):
        step = start = checkpoint.begin(resume)
        best.begin()
        callbacks.begin()
        with engine.share(batches, recipe.accumulate) as shares:
            made = shares(range(start, steps))
            # Of several processes each would stop at a step of its own, and wait for the others.
            noticed = signals.noticed() if engine.processes == 1 else nullcontext()
            with monitor.from_step(start), closing(made), noticed as asked:
                while step < steps and not (best.given_up(step) or callbacks.stopped):
                    step += 1
                    with monitor.waiting():
                        parts = next(made)
                    stage.optimizer.learning_rate = rate = schedule(step - 1)
                    callbacks.before(step)
                    with monitor.working():
                        losses = engine.step(stage, parts)
                    _check_losses(losses, stage, batches, step)
                    schedule.after_step(losses["loss"])
                    monitor.step(step, losses, rate, recipe.batch_size, log=due(step, log_every))
                    callbacks.after(step, losses, rate)
                    if due(step, recipe.validate_every):
                        figures = {}
                        if validate is not None:
                            with finished(stage, inputs_before(step)):
                                figures = validate()
                                monitor.validation(step, figures)
                                best.validated(step)
                        schedule.check(figures)
                        callbacks.epoch(step, figures, rate)
                    ended = best.given_up(step) or callbacks.stopped
                    if asked or ended or due(step, checkpoint_every):
                        _check_weights(stage, step)
                        photos.check()
                        checkpoint.store(step)
                    if asked:
                        raise Interrupted(
                            f"{checkpoint.path}: checkpoint: interrupted after step {step} of "
                            f"{steps}; go on with --resume",
                            asked[0],
                        )
            callbacks.end()
            left = best.restore()
            if left is None:
                finish(stage, inputs_before(step))
                left = step
    if engine.writes:
        record.end({**monitor.speed(), "ended": step, "left_with": left})


def _check_losses(losses, stage, batches, step):
    for name, value in losses.items():
        if not math.isfinite(value):
            describe = getattr(batches, "describe", None)
            held = f" ({describe(step - 1)})" if describe is not None else ""
            raise TrainingError(
                f"{stage.name}: {name}: is {value} at step {step}, batch {step - 1}{held}; "
                "look at the batch or lower the learning rate; the last checkpoint is kept"
            )


def _check_weights(stage, step):
    """A finite loss and gradient may still have led to a weight that is not."""
    for weight in stage.weights:
        values = keras.ops.convert_to_numpy(weight)
        if not np.isfinite(values.astype("float32")).all():
            raise TrainingError(
                f"{stage.name}: {weight.path}: is not finite at step {step}; "
                "lower the learning rate; the last checkpoint is kept"
            )


def _fingerprint(batches):
    found = getattr(batches, "fingerprint", None)
    return found() if callable(found) else found
