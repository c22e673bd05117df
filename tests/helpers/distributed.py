"""Trains a small stage on several devices or processes; run by test_distributed.py.

    python distributed.py FOLDER NAME:DEVICES:ACCUMULATE:NORM ...

Leaves in FOLDER for every NAME the final weights and the number of rows that a process made,
``NAME-PROCESS.npz``, and a run. The backend and the processes come from the environment.
"""

import os
import sys
from pathlib import Path

import keras
import numpy as np
from small_stage import Stage, batch, recipe, weights

from multiposenet.training.loop import fitting
from multiposenet.training.loop.engine import Engine

STEPS = 6


class Batches:
    """Makes shares; counts the rows."""

    rows = 0

    def __call__(self, step):
        return self.share(step, 0, 1)

    def share(self, step, process, processes):
        def own(values):
            size = len(values) // processes
            return values[process * size : (process + 1) * size]

        x, y = keras.tree.map_structure(own, batch(step))
        self.rows += len(x)
        return x, y


def main(folder, plans):
    if devices := int(os.environ.get("VIRTUAL_DEVICES", 0)):
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, logical)
    for plan in plans:
        name, devices, accumulate, norm = plan.split(":")
        engine = Engine(devices=int(devices))
        keras.utils.set_random_seed(3)
        batches = Batches()
        with engine.scope():
            dropout = 0.3 if keras.backend.backend() == "jax" and norm == "1" else 0.0
            stage = Stage(norm=norm == "1", dropout=dropout, counted=norm == "1")
            fitting.fit(
                stage,
                batches,
                recipe(accumulate=int(accumulate), weight_decay=0.1),
                steps=STEPS,
                run=folder / name,
                engine=engine,
                log_every=1,
            )
        np.savez(folder / f"{name}-{engine.process}.npz", *weights(stage), rows=batches.rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
