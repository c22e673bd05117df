"""An SPPE on a MoveNet learns, its lower layers do not, and the share that is kept is exact."""

import dataclasses

import numpy as np

from multiposenet.networks.grmi import load_movenet_start
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.training.release import sppe_thunder, sppe_tuning

RECIPE = dataclasses.replace(
    sppe_thunder.TUNING, steps=3, batch_size=2, warmup=0, precision="float32", ema=0.0
)


def networks(count, movenet):
    sizes = SPPEArchitecture((64, 32), network="movenet_multipose", stn=False)
    made = [sizes.single_person(17) for _ in range(count)]
    for network in made:
        load_movenet_start(network, movenet)
    return made


def test_a_share_of_what_is_learnt_is_kept(samples, movenet, tmp_path):
    whole, half, teacher = networks(3, movenet)
    start = teacher.get_weights()
    for share, network in ((1.0, whole), (0.5, half)):
        run = tmp_path / str(share)
        sppe_tuning.tune(network, teacher, samples, COCO_17, RECIPE, run, share)
    moved = 0
    for old, new, middle in zip(start, whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_allclose(middle, (old + new) / 2, atol=1e-5)
        moved += np.any(new != old)
    assert moved
    for old, new in zip(start, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    (backbone,) = (layer for layer in whole.layers if layer.name == "movenet_multipose")
    (before,) = (layer for layer in teacher.layers if layer.name == "movenet_multipose")
    for name, learns in (("block_2_project", False), ("block_13_project", True)):
        old, new = (part.get_layer(name).get_weights()[0] for part in (before, backbone))
        assert np.array_equal(old, new) != learns


def test_between_goes_a_share_of_the_way(movenet):
    first, second = networks(2, movenet)
    for network, value in ((first, 1.0), (second, 3.0)):
        network.set_weights([np.full_like(weight, value) for weight in network.get_weights()])
    sppe_tuning.between(second, first, 0.25)
    assert all((weight == 1.5).all() for weight in second.get_weights())
