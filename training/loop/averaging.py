"""The weights that a training leaves, with batch statistics of their own."""

from contextlib import contextmanager

import keras

from multiposenet.training.loop.batch_statistics import recalibrate


def finish(stage, inputs):
    """Gives a stage its averaged weights, if its optimizer averages, and batch statistics for them.

    Without averaging the statistics are made anew, too: those of training are a mean over weights
    that have moved on, the more so the shorter the training.

    Args:
        stage: compiled stage.
        inputs: iterable of inputs as in training; drawn from only where there are statistics.
    """
    if stage.optimizer.use_ema:
        stage.optimizer.finalize_variable_values(stage.trainable_variables)
    recalibrate(stage, inputs)


@contextmanager
def finished(stage, inputs):
    """Within, a stage is as ``finish`` would leave it; afterwards it is as it was, bit for bit."""
    kept = [(variable, keras.ops.convert_to_numpy(variable)) for variable in stage.variables]
    try:
        finish(stage, inputs)
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)
