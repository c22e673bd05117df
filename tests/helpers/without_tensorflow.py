"""Trains on JAX where the packages that only some need are missing; run by the test of this name.

python without_tensorflow.py FOLDER
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
for name in ("tensorflow", "albumentations", "pycocotools", "matplotlib"):
    sys.modules[name] = None  # importing it fails

import keras  # noqa: E402
import numpy as np  # noqa: E402
from small_stage import Stage, batch, recipe, weights  # noqa: E402

from multiposenet.skeleton import COCO_17  # noqa: E402
from multiposenet.training import recipes  # noqa: E402
from multiposenet.training.datasets import read  # noqa: E402
from multiposenet.training.loop import fitting  # noqa: E402
from multiposenet.training.stages import keypoints  # noqa: E402, F401

STEPS = 6


class Stop(Exception):
    pass


def train(run, make_batch=batch, resume=False, **changes):
    keras.utils.set_random_seed(1)
    stage = Stage()
    figures = {"error": 1.0}
    fitting.fit(
        stage, make_batch, recipe(**changes), steps=STEPS, run=run, resume=resume,
        validate=lambda: figures, checkpoint_every=2, log_every=2,
    )  # fmt: skip
    return weights(stage)


def until(last):
    def stopped(step):
        if step == last:
            raise Stop
        return batch(step)

    return stopped


def resumed_is_uninterrupted(folder):
    whole = train(folder / "whole")
    try:
        train(folder / "parts", until(5))
    except Stop:
        pass
    for found, wanted in zip(train(folder / "parts", resume=True), whole, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert (folder / "whole" / "line.jsonl").exists()


def keypoint_batches(folder):
    samples = read(f"coco:{folder}", COCO_17)
    plan = recipes.NanoKeypoints(batch_size=2, patch_sizes=((0.0, 64),))
    images, labels = keypoints.KeypointBatches(samples, plan, COCO_17.flip_indices)(0)
    assert images.shape == (2, 64, 64, 3) and labels["target"].shape == (2, 16, 16, 18)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    resumed_is_uninterrupted(folder)
    keypoint_batches(folder / "scenes")
