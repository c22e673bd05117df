"""keras-retinanet's snapshots, loaded into our network, give keras-retinanet's outputs.

The expected outputs come from the real keras-retinanet (reference/make_keras_retinanet.py). The
snapshot file has the layout of the real one and its weights are computed, see
reference/snapshot.py.
"""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras import ops
from reference import snapshot

from multiposenet.errors import WeightsError
from multiposenet.networks import backbones
from multiposenet.networks.person_subnet import person_subnet
from multiposenet.networks.public_weights.retinanet_weights import load_keras_retinanet
from multiposenet.networks.pyramid import person_pyramid

REFERENCE = np.load(Path(__file__).parents[2] / "reference" / "keras_retinanet.npz")
LAYOUTS = json.loads(str(REFERENCE["layouts"]))
RESNET101 = {
    f"{name.split('/')[0]}/{name}": shape  # the place in a file
    for name, shape in json.loads(str(REFERENCE["resnet101_weights"])).items()
}
pytestmark = pytest.mark.not_on_jax


def write_snapshot(path, layout):
    """The snapshot as a file of one of the LAYOUTS."""
    with h5py.File(path, "w") as file:
        for place, shape in LAYOUTS["datasets"].items():
            layer, name = place.removesuffix(":0").split("/")[-2:]
            array = snapshot.weight(layer, name, tuple(shape))
            file.create_dataset(LAYOUTS["prefixes"][layout] + place, data=array)
    return path


def write_constants(path, shapes, values=None):
    """A snapshot file with one number per array, which takes no space."""
    with h5py.File(path, "w") as file:
        for place, shape in shapes.items():
            file.create_dataset(place, shape, "float32", fillvalue=(values or {}).get(place, 1.0))
    return path


@pytest.fixture(scope="module")
def networks():
    backbone = backbones.resnet(50, stem_padding="same")
    return backbone, person_pyramid(backbones.levels(backbone)), person_subnet()


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Paths of the snapshot as a whole model and as weights alone."""
    folder = tmp_path_factory.mktemp("snapshots")
    names = ("training_model", "inference_weights")
    return {name: write_snapshot(folder / f"{name}.h5", name) for name in names}


def detect(networks, image):
    backbone, pyramid, subnet = networks
    levels = backbone(image.astype("float32"))
    output = subnet(pyramid({key: levels[key] for key in ("C3", "C4", "C5")}))
    return [ops.convert_to_numpy(output[key])[0] for key in ("deltas", "logits")]


def logit(p):
    return np.log(p) - np.log1p(-p)


def test_the_reference_knows_the_four_kinds_of_files():
    assert LAYOUTS["prefixes"] == {
        "training_model": "model_weights/",
        "training_weights": "",
        "inference_model": "model_weights/",
        "inference_weights": "",
    }
    assert len(LAYOUTS["datasets"]) == 301


EVEN, ODD = snapshot.IMAGE_SIZES


@pytest.mark.one_backend
@pytest.mark.parametrize("size", [EVEN, ODD])
@pytest.mark.parametrize("layout", ["training_model", "inference_weights"])
def test_outputs_equal_keras_retinanet(networks, snapshots, layout, size):
    for network in networks:
        network.set_weights([np.zeros_like(value) for value in network.get_weights()])
    load_keras_retinanet(snapshots[layout], *networks)
    deltas, logits = detect(networks, snapshot.image(size))
    key = "network_{}x{}".format(*size)
    assert np.abs(REFERENCE[f"{key}_deltas"]).max() > 5
    np.testing.assert_allclose(deltas, REFERENCE[f"{key}_deltas"], atol=1e-4)
    np.testing.assert_allclose(logits, logit(REFERENCE[f"{key}_person"]), atol=1e-4)


def test_another_class(networks, snapshots):
    load_keras_retinanet(snapshots["training_model"], *networks, class_index=17)
    _, logits = detect(networks, snapshot.image(ODD))
    expected = REFERENCE["network_{}x{}_class_17".format(*ODD)]
    np.testing.assert_allclose(logits[::7], logit(expected), atol=1e-4)


@pytest.mark.one_backend
def test_resnet101(networks, tmp_path):
    """Every weight of the backbone comes from the layer at the same place of the net."""
    values = {place: float(index + 1) for index, place in enumerate(RESNET101)}
    file = write_constants(tmp_path / "resnet101.h5", RESNET101, values)
    backbone = backbones.resnet(101, stem_padding="same")
    load_keras_retinanet(file, backbone, *networks[1:])
    sources = {place.split("/")[0] for place in RESNET101}
    for kind, prefix, stem in (
        ("Conv2D", "res", "conv1"),
        ("BatchNormalization", "bn", "bn_conv1"),
    ):
        layers = [layer for layer in backbone.layers if type(layer).__name__ == kind]
        theirs = sorted((name for name in sources if re.match(rf"{prefix}\d", name)), key=place_of)
        ours = sorted(layers, key=lambda layer: numbers(layer.name))
        assert len(layers) == 104
        for layer, source in zip(ours, [stem, *theirs], strict=True):
            for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
                expected = values.get(f"{source}/{source}/{weight.name}:0", 0)
                assert np.abs(value - expected).max() < 1e-4, (layer.name, source, weight.name)


def numbers(name):
    return [int(digits) for digits in re.findall(r"\d+", name)]


def place_of(name):
    """(stage, block, position) of keras-resnet's names: res2a_branch1, bn4b22_branch2c."""
    stage, letter, number, branch = re.fullmatch(
        r"(?:res|bn)(\d)([a-z])(\d*)_branch(1|2a|2b|2c)", name
    ).groups()
    block = int(number) + 1 if number else ord(letter) - ord("a") + 1
    return int(stage), block, ("1", "2a", "2b", "2c").index(branch)


def changed(**changes):
    """The real layout with other shapes; None leaves an array out."""
    shapes = {}
    for place, shape in LAYOUTS["datasets"].items():
        name = "_".join(place.removesuffix(":0").split("/")[-2:])
        if changes.get(name, shape) is not None:
            shapes[place] = changes.get(name, shape)
    assert shapes != LAYOUTS["datasets"]
    return shapes


P2 = {**LAYOUTS["datasets"], "P2/P2/kernel:0": (3, 3, 256, 256)}


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (changed(P6_kernel=None), "P6/kernel: missing"),
        (changed(bn3b_branch2a_moving_mean=None), "bn3b_branch2a/moving_mean: missing"),
        (changed(pyramid_regression_kernel=None), "pyramid_regression/kernel: missing"),
        (changed(C4_reduced_kernel=(1, 1, 8, 256)), r"C4_reduced/kernel: shape \(1, 1, 8, 256\)"),
        (changed(pyramid_regression_bias=(24,)), r"pyramid_regression/bias: shape \(24,\)"),
        (changed(pyramid_classification_bias=(721,)), "721 outputs are no multiple of 9"),
        (changed(pyramid_classification_bias=(0,)), "class_index 0 where the snapshot has 0"),
        (P2, "P2: the network has no such layer"),
        ({}, "conv1/kernel: missing"),
    ],
)
def test_a_file_that_does_not_fit(networks, tmp_path, shapes, words):
    first = networks[0].get_layer("conv1_conv")
    before = first.get_weights()
    file = write_constants(tmp_path / "bad.h5", shapes)
    with pytest.raises(WeightsError, match=words) as caught:
        load_keras_retinanet(file, *networks)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and "; " in message and "\n" not in message
    for old, new in zip(before, first.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.one_backend
def test_snapshot_of_a_deeper_resnet(networks, tmp_path):
    file = write_constants(tmp_path / "resnet101.h5", RESNET101)
    with pytest.raises(WeightsError, match="has the depth of the backbone"):
        load_keras_retinanet(file, *networks)


def test_no_snapshot(networks, tmp_path):
    with pytest.raises(WeightsError, match="absent.h5: file: no such file; give a"):
        load_keras_retinanet(tmp_path / "absent.h5", *networks)
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(WeightsError, match="text.h5: file: cannot be read as HDF5; give a"):
        load_keras_retinanet(text, *networks)


def test_a_snapshot_of_few_bytes_that_claims_to_hold_much(networks, tmp_path):
    shapes = {**RESNET101, next(iter(RESNET101)): (10**5, 10**6)}
    file = write_constants(tmp_path / "bomb.h5", shapes)
    with pytest.raises(WeightsError, match="has 100,000,000,000 values where the network has"):
        load_keras_retinanet(file, *networks)


@pytest.mark.parametrize("index", [-1, 80])
def test_a_class_the_snapshot_lacks(networks, snapshots, index):
    with pytest.raises(WeightsError, match=f"class_index {index} where the snapshot has 80"):
        load_keras_retinanet(snapshots["training_model"], *networks, class_index=index)


@pytest.mark.one_backend
def test_networks_that_keras_retinanet_does_not_have(networks, snapshots):
    backbone, pyramid, _ = networks
    with pytest.raises(WeightsError, match="keras-retinanet has no such layer.*without norm"):
        load_keras_retinanet(
            snapshots["training_model"], backbone, pyramid, person_subnet(norm=True)
        )
    with pytest.raises(WeightsError, match="keras-retinanet has no such layer"):
        load_keras_retinanet(snapshots["training_model"], backbones.nano(), pyramid, networks[2])
