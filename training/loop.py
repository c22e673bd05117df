"""The one training loop: straight through, logged, checkpointed, resumable."""

import json
import math
import os
import time
from pathlib import Path

import keras
import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.networks.weight_files import load_completely
from multiposenet.training.batch_statistics import recalibrate
from multiposenet.training.loader import prefetch

STATISTICS_BATCHES = 50


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then a cosine down to 1 % of the peak."""

    def __init__(self, peak, warmup, steps):
        self.peak, self.warmup, self.steps = peak, warmup, steps

    def __call__(self, step):
        ops = keras.ops
        step = ops.cast(step, "float32")
        progress = ops.clip((step - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0)
        cosine = 0.01 + 0.99 * 0.5 * (1.0 + ops.cos(math.pi * progress))
        return self.peak * ops.minimum((step + 1.0) / max(self.warmup, 1), cosine)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "steps": self.steps}


def use_bfloat16_on_cpu():
    """Lets TensorFlow's CPU kernels compute in bfloat16 where that is safe; half as fast again."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.optimizer.set_experimental_options(
            {"auto_mixed_precision_onednn_bfloat16": True}
        )


def fit(stage, make_batch, recipe, *, steps, run, log_every=50, checkpoint_every=500, resume=False):
    """Trains a stage by AdamW for some optimizer steps and leaves it with the averaged weights.

    Args:
        stage: ``keras.Model`` whose ``compute_loss`` gives the loss.
        make_batch: function of the step to ``(x, y)``; all randomness from the step number.
        recipe: gives learning_rate, warmup, weight_decay, clip_norm and ema.
        steps: optimizer steps in all.
        run: folder for ``NAME.weights.h5`` (weights and optimizer) and ``NAME.jsonl`` (log).
        log_every: steps between log lines.
        checkpoint_every: steps between checkpoints.
        resume: go on from the folder's checkpoint, if there is one. Batches and optimizer go on as
            if never stopped; dropout draws from its seed anew.

    Raises:
        FloatingPointError: the loss or a weight is not finite; the last checkpoint is kept.
        WeightsError: the checkpoint does not fit the stage or its optimizer.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    checkpoint, log = run / f"{stage.name}.weights.h5", run / f"{stage.name}.jsonl"
    use_bfloat16_on_cpu()
    stage.compile(
        keras.optimizers.AdamW(
            WarmupCosine(recipe.learning_rate, recipe.warmup, steps),
            weight_decay=recipe.weight_decay,
            global_clipnorm=recipe.clip_norm,
            use_ema=True,
            ema_momentum=recipe.ema,
            ema_overwrite_frequency=None,
        )
    )
    stage.optimizer.build(stage.trainable_variables)
    start = 0
    if resume and checkpoint.exists():
        _load(stage, checkpoint)
        start = int(stage.optimizer.iterations)
    since, waited, last = time.time(), 0.0, time.time()
    for step, (x, y) in enumerate(prefetch(make_batch, range(start, steps)), start=start):
        waited += time.time() - last
        loss = stage.train_on_batch(x, y)
        last = time.time()
        report = (step + 1 - start) % log_every == 0 or step + 1 == steps
        store = (step + 1) % checkpoint_every == 0 or step + 1 == steps
        if report or store:
            # The mean since the last report, so that no earlier step's NaN is missed.
            loss = float(np.asarray(loss[0] if isinstance(loss, (list, tuple)) else loss))
            if not math.isfinite(loss):
                raise FloatingPointError(f"{stage.name}: loss is {loss} at step {step + 1}")
        if report:
            seconds = last - since
            line = {
                "step": step + 1,
                "loss": round(loss, 5),
                "samples/s": round(((step - start) % log_every + 1) * _length(x) / seconds, 1),
                "waiting": round(waited / seconds, 3),
            }
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)
            stage.reset_metrics()
            since, waited = last, 0.0
        if store:
            _check_finite(stage, step + 1)
            save(stage, checkpoint)
    stage.optimizer.finalize_variable_values(stage.trainable_variables)
    first = max(steps - STATISTICS_BATCHES, 0)
    recalibrate(stage, (x for x, _ in prefetch(make_batch, range(first, steps))))


def save(model, path):
    """Writes weights so that a reader never sees half a file."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        model.save_weights(partial, overwrite=True)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _load(stage, checkpoint):
    try:
        load_completely(stage, checkpoint)
    except Exception as error:  # depends on what does not fit
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{checkpoint}: checkpoint: does not fit this stage ({reason}); "
            "use the recipe that it was made with, or start anew without resuming"
        ) from error


def _check_finite(stage, step):
    """A finite loss may still have had a gradient that was not."""
    for weight in stage.trainable_variables:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise FloatingPointError(f"{stage.name}: {weight.path} is not finite at step {step}")


def _length(batch):
    return len(keras.tree.flatten(batch)[0])
