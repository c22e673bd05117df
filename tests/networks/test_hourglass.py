"""Hourglasses: parameters worked out by hand, depth along the graph, shapes."""

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.networks.hourglass import compact, hourglass

SMALL = {"image_size": (64, 64), "width": 8}


def conv(kernel, inputs, outputs, bias=True):
    return kernel * kernel * inputs * outputs + bias * outputs


def unit(inputs, outputs):
    half = outputs // 2
    norms = 4 * (inputs + half + half)
    convolutions = conv(1, inputs, half, 0) + conv(3, half, half, 0) + conv(1, half, outputs)
    return norms + convolutions + (inputs != outputs) * conv(1, inputs, outputs)


def parameters(num_keypoints, stacks, units, width, levels=4):
    stem = conv(7, 3, width // 4, 0) + 4 * (width // 4) + unit(width // 4, width // 2)
    stem += unit(width // 2, width // 2) + unit(width // 2, width)
    one = (3 * levels + 1 + 1) * units * unit(width, width)
    one += conv(1, width, width, 0) + 4 * width + conv(1, width, num_keypoints)
    back = conv(1, width, width) + conv(1, num_keypoints, width)
    return stem + stacks * one + (stacks - 1) * back


@pytest.fixture(scope="module")
def of_the_paper():
    return hourglass(16, image_size=(64, 64))


@pytest.mark.one_backend
def test_parameters_of_the_paper(of_the_paper):
    """Published tables give 25 or 26 M for eight stacks and MPII's 16 keypoints."""
    count = of_the_paper.count_params()
    assert count == parameters(16, stacks=8, units=1, width=256)
    assert 25e6 < count < 26e6


@pytest.mark.one_backend
@pytest.mark.parametrize(("stacks", "units", "levels"), [(1, 1, 4), (2, 3, 2)])
def test_parameters_by_hand(stacks, units, levels):
    model = hourglass(5, stacks=stacks, units=units, levels=levels, **SMALL)
    assert model.count_params() == parameters(5, stacks, units, 8, levels)


@pytest.mark.one_backend
def test_parameters_of_the_compact_variant():
    count = compact(17, image_size=(64, 64)).count_params()
    assert count == parameters(17, stacks=2, units=1, width=96) < 3e6


def longest_path(model):
    """The number of residual units on the longest way from the images to the prediction."""
    makers = {id(layer.output): layer for layer in model.layers}
    found = {}

    def units(tensor):
        if id(tensor) not in found:
            layer = makers[id(tensor)]
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            before = max((units(x) for x in inputs if x is not tensor), default=0)
            found[id(tensor)] = before + layer.name.endswith("_3_conv")
        return found[id(tensor)]

    return units(model.output["heatmaps"])


@pytest.mark.one_backend
def test_two_stacks_of_four_units_are_as_deep_as_eight_of_one(of_the_paper):
    wide = hourglass(3, stacks=2, units=4, **SMALL)
    assert longest_path(wide) == longest_path(of_the_paper) == 3 + 8 * (2 * 4 + 2)


def test_maps_of_every_stack_which_go_on_to_the_next():
    model = hourglass(5, stacks=2, levels=1, image_size=(16, 24), width=8)
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    before = {key: ops.convert_to_numpy(x) for key, x in compiled(model)(images).items()}
    assert {key: x.shape for key, x in before.items()} == {
        "stack1": (2, 4, 6, 5),
        "heatmaps": (2, 4, 6, 5),
    }
    head = model.get_layer("stack1_maps")
    head.set_weights([2 * w + 1 for w in head.get_weights()])
    after = {key: ops.convert_to_numpy(x) for key, x in compiled(model)(images).items()}
    assert np.abs(after["stack1"] - before["stack1"]).max() > 0.5
    assert np.abs(after["heatmaps"] - before["heatmaps"]).max() > 1e-3


@pytest.mark.one_backend  # for some initial weights, and those of backends differ
def test_sigmoid_maps_start_at_their_prior():
    model = hourglass(5, sigmoid=True, stacks=1, levels=1, image_size=(16, 16), width=8)
    maps = compiled(model)(np.zeros((1, 16, 16, 3), "float32"))
    assert list(maps) == ["heatmaps"]
    logits = -np.log(1 / ops.convert_to_numpy(maps["heatmaps"]) - 1)
    assert abs(logits.mean() + np.log(99)) < 2 and logits.max() < -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": (64, 96)}, r"image_size is \(64, 96\); use multiples of 64"),
        ({"image_size": (0, 64)}, "use multiples of 64"),
        ({"image_size": (32, 32), "levels": 4}, "use multiples of 64"),
        ({"stacks": 0}, "use 1 or more"),
        ({"width": 20}, "a multiple of 8"),
    ],
)
def test_numbers_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        hourglass(17, **arguments)
