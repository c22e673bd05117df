"""Weights of torchvision's detectors: the converted networks compute what the originals do.

What is expected comes from torchvision itself (reference/make_torchvision.py).
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from keras import layers, ops
from reference import seeded

from multiposenet.errors import WeightsError
from multiposenet.maths import boxes as box_ops
from multiposenet.maths.anchors import anchors_for_image, anchors_for_levels
from multiposenet.networks import backbones, pyramid
from multiposenet.networks.person_subnet import person_subnet
from multiposenet.networks.public_weights import torchvision_weights
from multiposenet.networks.public_weights.filling import Filling
from multiposenet.systems.architecture import TORCHVISION

REFERENCE = np.load(Path(__file__).parents[2] / "reference" / "torchvision_detectors.npz")
SIZE = tuple(REFERENCE["size"].tolist())
pytestmark = [pytest.mark.usefixtures("eagerly"), pytest.mark.not_on_jax]


def shapes_of(network):
    return json.loads(str(REFERENCE[f"{network}_shapes"]))


@pytest.fixture(scope="module")
def weights():
    """Network -> its weights by name, drawn as the reference drew them; nothing for other parts."""
    drawn = {
        name: seeded.detector_array(name, shape)
        for name, shape in (shapes_of("retinanet") | shapes_of("keypointrcnn")).items()
        if name.startswith("backbone.body.") or name.startswith("head.")
    }
    found = {}
    for network in ("retinanet", "keypointrcnn"):
        found[network] = {
            name: drawn[name]
            if name in drawn
            else seeded.detector_array(name, shape)
            if name.startswith("backbone.")
            else np.zeros(1, "float32")
            for name, shape in shapes_of(network).items()
        }
    return found


@pytest.fixture(scope="module")
def networks():
    """Backbone, both pyramids and the person subnet."""
    backbone = backbones.build("resnet50_torchvision")
    levels = backbones.levels(backbone)
    person = pyramid.person_pyramid(levels, p6_from="P5", strided_padding="symmetric")
    return backbone, pyramid.keypoint_pyramid(levels), person, person_subnet()


@pytest.fixture(scope="module")
def features(networks, weights):
    """C2 to C5 of the photo, of the backbone that is the same in both."""
    torchvision_weights.load("a.pth", weights["retinanet"], *networks)
    return networks[0](seeded.photo(int(REFERENCE["seed"]), *SIZE).astype("float32"))


def assert_close(values, wanted):
    scale = np.abs(wanted).max()
    assert scale > 1
    np.testing.assert_allclose(values / scale, wanted / scale, rtol=0, atol=1e-4)


def assert_levels(network, levels, names):
    """Of each level the values that the reference kept."""
    steps = json.loads(str(REFERENCE["every"]))
    for name in names:
        flat = ops.convert_to_numpy(levels[name])[0].reshape(-1)
        assert_close(flat[:: steps[name]], REFERENCE[f"{network}_{name}"])


def test_retinanet(networks, weights, features):
    """Every level, logit, anchor and box of torchvision's, and the boxes' scores."""
    _, _, person, subnet = networks
    assert_levels("retinanet", features, ("C3", "C4", "C5"))
    levels = person({name: features[name] for name in ("C3", "C4", "C5")})
    assert_levels("retinanet", levels, ("P3", "P4", "P5", "P6", "P7"))
    found = subnet(levels)
    logits, deltas = (ops.convert_to_numpy(found[name])[0] for name in ("logits", "deltas"))
    np.testing.assert_allclose(logits, REFERENCE["retinanet_logits"], atol=1e-4 * 7)
    np.testing.assert_allclose(
        sigmoid(logits), sigmoid(REFERENCE["retinanet_logits"]), rtol=0, atol=1e-4
    )
    assert_close(deltas[::3], REFERENCE["retinanet_deltas"])
    spec = TORCHVISION.anchors((8, 16, 32, 64, 128))
    anchors = anchors_for_image(SIZE, spec)
    np.testing.assert_array_equal(anchors[::3], REFERENCE["retinanet_anchors"])
    shapes = [tuple(levels[name].shape[1:3]) for name in ("P3", "P4", "P5", "P6", "P7")]
    np.testing.assert_array_equal(ops.convert_to_numpy(anchors_for_levels(shapes, spec)), anchors)
    boxes = ops.convert_to_numpy(box_ops.decode(anchors, deltas, TORCHVISION.box_coding))
    boxes = np.clip(boxes, 0, SIZE[::-1] * 2)
    # In pixels of an image of 128: boxes up to 62 times as large as their anchors are among them.
    np.testing.assert_allclose(boxes[::3] / 128, REFERENCE["retinanet_boxes"] / 128, atol=1e-4)
    assert (REFERENCE["retinanet_deltas"] > np.log(1000 / 16)).any()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.one_backend
def test_keypoint_rcnn(networks, weights, features):
    """Its pyramid is the keypoint pyramid, and begins the person pyramid."""
    backbone, keypoint, person, subnet = networks
    before = [layer.get_weights() for layer in (subnet, person.get_layer("level6_smooth"))]
    torchvision_weights.load("a.pth", weights["keypointrcnn"], *networks)
    assert_levels("keypointrcnn", features, ("C2", "C3", "C4", "C5"))
    levels = keypoint(features)
    assert_levels("keypointrcnn", levels, ("K2", "K3", "K4", "K5"))
    started = person({name: features[name] for name in ("C3", "C4", "C5")})
    for level in ("3", "4", "5"):
        np.testing.assert_array_equal(started[f"P{level}"], levels[f"K{level}"])
    for layer, old in zip((subnet, person.get_layer("level6_smooth")), before, strict=True):
        for one, other in zip(layer.get_weights(), old, strict=True):
            np.testing.assert_array_equal(one, other)


def former(name):
    """A name in the files that torchvision published, which are older than 0.13."""
    name = re.sub(r"(fpn\.(?:inner|layer)_blocks\.\d)\.0\.", r"\1.", name)
    conv = r"(head\.\w+\.conv)\.(\d)\.0\."
    return re.sub(conv, lambda found: f"{found[1]}.{2 * int(found[2])}.", name)


@pytest.mark.one_backend
def test_names_of_the_published_files(networks, weights):
    arrays = {former(name): values for name, values in weights["retinanet"].items()}
    assert "head.regression_head.conv.6.weight" in arrays
    assert "backbone.fpn.inner_blocks.0.weight" in arrays
    kernel = networks[3].get_layer("deltas_conv4")
    kernel.set_weights([0 * values for values in kernel.get_weights()])
    torchvision_weights.load("a.pth", arrays, *networks, label=17)
    wanted = weights["retinanet"]["head.regression_head.conv.3.0.weight"]
    np.testing.assert_array_equal(kernel.get_weights()[0], wanted.transpose(2, 3, 1, 0))
    # The same label of every anchor.
    logits = networks[3].get_layer("logits").get_weights()[1]
    biases = weights["retinanet"]["head.classification_head.cls_logits.bias"]
    np.testing.assert_array_equal(logits, biases[17::91])


@pytest.mark.one_backend
def test_epsilon():
    """(x - 1) 2 / sqrt(4e-6 + 1e-5) + 3 by a normalization that adds 1e-3."""
    layer = layers.BatchNormalization(epsilon=1e-3)
    layer.build((None, 1))
    names = ("weight", "bias", "running_mean", "running_var")
    numbers = zip(names, (2, 3, 1, 4e-6), strict=True)
    values = {f"a.{name}": np.array([number], "float32") for name, number in numbers}
    filling = Filling("a.pth", values, "x")
    layer.set_weights(torchvision_weights._normalization(filling, "a", layer.epsilon, 1e-5))
    found = ops.convert_to_numpy(layer(np.array([[1.5]], "float32")))
    assert found[0, 0] == pytest.approx(0.5 * 2 / 1.4e-5**0.5 + 3, rel=1e-5)
    assert torchvision_weights.published_epsilon(values) == 0
    assert torchvision_weights.published_epsilon({"a.num_batches_tracked": 1}) == 1e-5


WIDE = "backbone.fpn.extra_blocks.p6.weight"


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda a: a.pop("backbone.body.layer3.5.bn2.weight"), "layer3.5.bn2.weight: missing"),
        (lambda a: a.pop("head.regression_head.bbox_reg.bias"), "bbox_reg.bias: missing"),
        (lambda a: a.update({"head.more": np.zeros(3)}), "head.more: the network has no such"),
        (lambda a: a.update({WIDE: np.zeros((256, 2048, 3, 3))}), "shape (3, 3, 2048, 256) where"),
        (
            lambda a: a.update({"head.classification_head.cls_logits.bias": np.zeros(10)}),
            "10 outputs are no multiple of 9",
        ),
        (
            lambda a: a.update({"backbone.body.bn1.running_var": np.zeros(64)}),
            "bn1.running_var: has 0, which epsilon 0 leaves so",
        ),
        (
            lambda a: a.update({"backbone.body.bn1.bias": np.full(64, np.nan)}),
            "bn1.bias: is not finite",
        ),
    ],
)
def test_what_does_not_fit_changes_nothing(networks, weights, change, told):
    arrays = dict(weights["retinanet"])
    change(arrays)
    first = networks[0].get_layer("conv1_conv")
    before = [0 * values for values in first.get_weights()]
    first.set_weights(before)
    with pytest.raises(WeightsError) as caught:
        torchvision_weights.load("a.pth", arrays, *networks)
    message = str(caught.value)
    assert told in message and message.startswith("a.pth: ") and "; give the" in message
    np.testing.assert_array_equal(first.get_weights()[0], before[0])


@pytest.mark.one_backend
def test_a_label_that_there_is_not(networks, weights):
    with pytest.raises(WeightsError, match="label 91 where there are 91, from 0 on"):
        torchvision_weights.load("a.pth", weights["retinanet"], *networks, label=91)


@pytest.mark.one_backend
def test_another_network():
    with pytest.raises(WeightsError, match="a.pth: weights: of no detector that is known here"):
        torchvision_weights.network_of("a.pth", {"fc.weight": np.zeros((3, 3))})
