"""The paper's configuration learns two patches by heart, from nothing, by its recipe's defaults.

With heads of the usual size at the start (Glorot) it does not.
"""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.skeleton import COCO_17
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.datasets import synthetic
from multiposenet.training.loop import fitting
from multiposenet.training.recipes import PaperKeypoints
from multiposenet.training.stages import keypoints
from multiposenet.training.stages.keypoints import KeypointBatches, KeypointStage

pytestmark = [pytest.mark.slow, pytest.mark.one_backend]

SIDE, NEAR = 128, 6.0  # pixels


class TwoPatches:
    """The same batch in every step."""

    samples = ()

    def __init__(self, batches):
        self.batch, self.fingerprint = batches(0), "two patches"

    def __call__(self, step):
        return self.batch


def test_paper_keypoints_of_resnet50(tmp_path):
    keras.utils.set_random_seed(0)
    paper = PaperKeypoints()
    recipe = dataclasses.replace(
        paper,
        batch_size=2,
        patch_sizes=((0.0, SIDE),),
        scale=tuple(SIDE / paper.patch_size(0) * scale for scale in paper.scale),
        steps=70,
    )
    samples = synthetic.samples(2, seed=3, size=(240, 320), people=(1, 1))
    batches = TwoPatches(KeypointBatches(samples, recipe, COCO_17.flip_indices))
    model = MultiPoseNet("resnet50")
    stage = KeypointStage(model, keypoints.loss_of(recipe), recipe.intermediate, recipe.frozen)
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=tmp_path)
    images, y = batches.batch
    features = model.backbone(images.astype("float32"), training=False)
    maps = ops.convert_to_numpy(model.final_maps([features]))
    target = y["target"].astype(np.float32)
    shown = target[..., :-1].max(axis=(1, 2)) > 0.8
    one, other = (
        np.stack(np.divmod(each.reshape(2, -1, 18).argmax(axis=1)[:, :-1], SIDE // 4))
        for each in (maps, target)
    )
    found = 4 * np.hypot(*(one - other))[shown] <= NEAR
    mask, true = maps[..., -1] >= 0.5, target[..., -1] >= 0.5
    assert shown.sum() > 20 and found.mean() > 0.8
    assert (mask & true).sum() > 0.8 * (mask | true).sum()
