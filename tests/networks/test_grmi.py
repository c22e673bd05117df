"""G-RMI's network: its maps and their places, what inference is without, MoveNet's heatmaps."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from multiposenet.networks import backbones, grmi
from multiposenet.networks.grmi import GRMIArchitecture


@pytest.fixture
def plain(monkeypatch):
    """The key of a backbone of strided convolutions, of stride 8 from C3 on."""

    def build(weights):
        images = keras.Input((None, None, 3))
        x = layers.Conv2D(4, 7, 8, "same")(images)
        outputs = {"C2": layers.UpSampling2D(2)(x), "C3": x, "C4": x, "C5": layers.ReLU()(x)}
        return keras.Model(images, outputs, name="plain_stride8")

    monkeypatch.setitem(backbones.BUILDERS, "plain_stride8", build)
    return "plain_stride8"


def outputs(network, size):
    maps = network.predict_on_batch(np.full((2, *size, 3), 90, "float32"))
    return {name: ops.convert_to_numpy(values) for name, values in maps.items()}


def test_the_papers_heads_are_one_convolution_on_the_last_level(plain):
    sizes = GRMIArchitecture(plain, image_size=(353, 257))
    assert sizes.cells == (45, 33) and sizes.codec.radius == pytest.approx(25)
    # Cells begin in the middle of the first pixel and end in the middle of the last one.
    centres = (np.array([0, 44]) + 0.5) * 8 - sizes.codec.shift
    np.testing.assert_allclose(centres, [0.5, 352.5])
    network = sizes.network(5, auxiliary=True)
    maps = outputs(network, (353, 257))
    assert {name: values.shape[1:] for name, values in maps.items()} == {
        "heatmaps": (45, 33, 5),
        "offsets": (45, 33, 10),
        "auxiliary": (45, 33, 5),
    }
    assert network.get_layer("heatmaps_prediction").kernel.shape == (1, 1, 4, 5)
    whole = grmi.inference_model(network)
    found = outputs(whole, (353, 257))
    assert set(found) == {"heatmaps", "offsets"}
    np.testing.assert_allclose(found["heatmaps"], 1 / (1 + np.exp(-maps["heatmaps"])), rtol=1e-5)
    assert len(whole.weights) == len(network.weights) - 2


def test_offsets_are_in_pixels(plain):
    network = GRMIArchitecture(plain, image_size=(64, 40)).network(2)
    network.get_layer("offset_cells_prediction").bias.assign([0.5, 0, 0, -1])
    kernel = network.get_layer("offset_cells_prediction").kernel
    kernel.assign(kernel * 0)
    np.testing.assert_allclose(
        outputs(network, (64, 40))["offsets"][0, 3, 2], [4, 0, 0, -8], atol=1e-5
    )


def test_dilated_resnets_keep_stride_8():
    features = backbones.levels(backbones.build("resnet50_stride8"))
    assert [stride for _, stride in features.values()] == [4, 8, 8, 8]


def test_a_backbone_with_a_pyramid_and_learnt_places():
    sizes = GRMIArchitecture(
        "nano", (64, 32), stride=4, head_channels=8, pyramid_channels=8, places=True
    )
    network = sizes.network(3, auxiliary=True)
    before = outputs(network, (64, 32))
    assert before["heatmaps"].shape == before["auxiliary"].shape == (2, 16, 8, 3)
    bias = np.random.default_rng(0).normal(size=(16, 8, 3)).astype("float32")
    network.get_layer("places").bias.assign(bias)
    after = outputs(network, (64, 32))
    np.testing.assert_allclose(after["heatmaps"] - before["heatmaps"], [bias] * 2, atol=1e-4)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"backbone": "none"}, "backbone: unknown name"),
        ({"stride": 3}, "stride: 3; use 4 or 8"),
        ({"backbone": "nano", "image_size": (353, 257)}, "image_size: .*multiples of 32"),
        ({"radius": 25}, "radius: 25; use a share"),
    ],
)
def test_sizes_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        GRMIArchitecture(**fields)
