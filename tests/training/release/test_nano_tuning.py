"""A ``MultiPoseNet`` on a MoveNet learns, its lower layers do not, and the share kept is exact."""

import dataclasses

import numpy as np
import pytest
from keras import layers

from multiposenet.skeleton import COCO_17
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.release import multiposenet_nano, nano_tuning

RECIPE = dataclasses.replace(
    multiposenet_nano.TUNING,
    steps=3,
    batch_size=2,
    warmup=0,
    patch_sizes=((0.0, 64),),
    precision="float32",
    ema=0.0,
)
PARTS = ("backbone", "keypoint_pyramid", "keypoint_subnet")


@pytest.fixture(scope="module")
def models(movenet):
    made = [MultiPoseNet("movenet_multipose", COCO_17, weights=str(movenet)) for _ in range(3)]
    for model in made[1:]:
        model.set_weights(made[0].get_weights())
    return made


def no_mask(images):
    count, height, width = images.shape[:3]
    return np.zeros((count, height // 4, width // 4, 1), np.float32)


def weights_of(model, part):
    return [variable.numpy() for variable in getattr(model, part).weights]


def test_a_share_of_what_is_learnt_is_kept(samples, models, tmp_path):
    whole, half, teacher = models
    start = {part: weights_of(teacher, part) for part in (*PARTS, "person_subnet", "prn")}
    for share, model in ((1.0, whole), (0.5, half)):
        run = tmp_path / str(share)
        nano_tuning.tune(model, teacher, no_mask, samples, RECIPE, run, share)
    for part in PARTS:
        ends = start[part], weights_of(whole, part), weights_of(half, part)
        moved = 0
        for old, new, middle in zip(*ends, strict=True):
            np.testing.assert_allclose(middle, (old + new) / 2, atol=1e-5)
            moved += np.any(new != old)
        assert moved, part
        for old, new in zip(start[part], weights_of(teacher, part), strict=True):
            np.testing.assert_array_equal(new, old)
    for part in ("person_subnet", "prn"):
        for old, new in zip(start[part], weights_of(whole, part), strict=True):
            np.testing.assert_array_equal(new, old)


def test_lower_layers_and_normalizations_stay(samples, models, tmp_path):
    model, _, teacher = models
    before = {part: weights_of(model, part) for part in PARTS}
    nano_tuning.tune(model, teacher, no_mask, samples, RECIPE, tmp_path, 1.0)
    learnt = {layer.name: layer for part in PARTS for layer in getattr(model, part).layers}
    kept = [layer for layer in learnt.values() if isinstance(layer, layers.BatchNormalization)]
    kept.append(learnt["block_2_project"])
    assert len(kept) > 1 and not any(layer.trainable_variables for layer in kept)
    moved = [
        not np.array_equal(old, new)
        for part in PARTS
        for old, new in zip(before[part], weights_of(model, part), strict=True)
    ]
    assert any(moved) and not all(moved)
