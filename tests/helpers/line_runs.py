"""Short trainings of the stage of ``small_stage``."""

import json

import keras
import numpy as np
from small_stage import Stage, batch, recipe

from multiposenet.training.loop import fitting

FILES = {"line.npz", "line.json", "line.jsonl", "line.png", "tensorboard"}


def plain(kind=Stage, **options):
    """A stage with neither normalization nor dropout, always with the same initial weights."""
    return make(kind, **({"norm": False, "dropout": 0.0} | options))


def make(kind=Stage, **options):
    keras.utils.set_random_seed(1)
    return kind(**options)


def fit(run, steps, batches=batch, stage=None, plan=None, **options):
    stage = stage or plain()
    fitting.fit(stage, batches, plan or recipe(), steps=steps, run=run, **options)
    return stage


def log(run):
    return [json.loads(line) for line in (run / "line.jsonl").read_text().splitlines()]


def record(run):
    return json.loads((run / "line.json").read_text())


def poisoned(at, value=np.nan):
    class Batches:
        def __call__(self, step):
            x, y = batch(step)
            return x, {"target": y["target"] * (value if step == at else 1)}

        def describe(self, step):
            return f"photo_{step}.jpg"

    return Batches()
