"""Facts of the networks: strides, shapes, parameter counts worked out by hand, priors."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.errors import WeightsError
from multiposenet.networks import backbones
from multiposenet.networks.keypoint_subnet import keypoint_subnet
from multiposenet.networks.layers import ImageNormalization
from multiposenet.networks.person_subnet import person_subnet
from multiposenet.networks.pyramid import keypoint_pyramid, person_pyramid
from multiposenet.networks.separate_levels import separated
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet

RESNET_LEVELS = {"C2": (256, 4), "C3": (512, 8), "C4": (1024, 16), "C5": (2048, 32)}
STRIDES = {"K2": 4, "K3": 8, "K4": 16, "K5": 32}


def conv(kernel, inputs, outputs, bias=True):
    return kernel * kernel * inputs * outputs + bias * outputs


build = functools.cache(backbones.build)  # for tests that leave the weights as they are


def numpy(tensors):
    return {key: ops.convert_to_numpy(value) for key, value in tensors.items()}


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("name", "c4", "c5"),
    [("resnet50", 16, 32), ("resnet101", 16, 32), ("resnet101_dilated", 16, 16), ("nano", 16, 32)],
)
def test_backbone_strides(name, c4, c5):
    levels = backbones.levels(build(name))
    assert [stride for _, stride in levels.values()] == [4, 8, c4, c5]


@pytest.mark.one_backend
def test_resnet_both_stages_dilated():
    levels = backbones.levels(backbones.resnet(50, dilated_stages=(4, 5)))
    assert [stride for _, stride in levels.values()] == [4, 8, 8, 8]


@pytest.mark.one_backend
@pytest.mark.parametrize("depth", [50, 101])
def test_resnet_is_that_of_keras_applications(depth):
    ours = build("resnet101") if depth == 101 else backbones.resnet(depth)
    theirs = getattr(keras.applications, f"ResNet{depth}")(
        weights=None, include_top=False, input_shape=(None, None, 3)
    )
    assert ours.count_params() == theirs.count_params()
    layers = [layer for layer in ours.layers if layer.weights]
    for layer in layers:
        twin = theirs.get_layer(layer.name)
        assert [w.shape for w in layer.weights] == [w.shape for w in twin.weights]
    if depth == 101:  # the same code as 50
        return
    rng = np.random.default_rng(0)
    for layer in layers:
        twin = theirs.get_layer(layer.name)
        values = [rng.uniform(0.01, 0.2, w.shape).astype("float32") for w in twin.weights]
        values = [v / max(1, np.prod(v.shape[:-1])) if v.ndim > 1 else v for v in values]
        layer.set_weights(values)
        twin.set_weights(values)
    images = rng.uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    expected = compiled(theirs)(images[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(compiled(ours)(images)["C5"]),
        ops.convert_to_numpy(expected),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.one_backend
def test_dilation_keeps_the_weights():
    plain, dilated = build("resnet101"), build("resnet101_dilated")
    assert [w.shape for w in plain.weights] == [w.shape for w in dilated.weights]


@pytest.mark.one_backend
def test_imagenet_weights_offline(monkeypatch):
    def unreachable(**kwargs):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50", unreachable)
    with pytest.raises(WeightsError, match=r"resnet50_weights_tf.*notop\.h5.*models/") as error:
        backbones.build("resnet50", weights="imagenet")
    assert "\n" not in str(error.value)


@pytest.mark.one_backend
def test_imagenet_weights_land_in_our_resnet(monkeypatch):
    source = keras.applications.ResNet50(
        weights=None, include_top=False, input_shape=(None, None, 3)
    )
    monkeypatch.setattr(keras.applications, "ResNet50", lambda **kwargs: source)
    model = backbones.build("resnet50", weights="imagenet")
    ours = model.get_layer("conv4_block3_2_conv").get_weights()[0]
    np.testing.assert_array_equal(ours, source.get_layer("conv4_block3_2_conv").get_weights()[0])


def test_own_backbone():
    images = keras.Input((None, None, 3))
    x, outputs = images, {}
    for level, stride in (("C2", 4), ("C3", 2), ("C4", 2), ("C5", 2)):
        x = outputs[level] = keras.layers.Conv2D(8, 3, stride, "same")(x)
    model = keras.Model(images, outputs)
    assert backbones.build(model) is model
    assert backbones.levels(model)["C5"] == (8, 32)


def test_own_backbone_without_all_levels():
    images = keras.Input((None, None, 3))
    model = keras.Model(images, {"C2": keras.layers.Conv2D(8, 3, 4)(images)}, name="small")
    with pytest.raises(ValueError, match=r"small: outputs lack \['C3', 'C4', 'C5'\]"):
        backbones.build(model)


@pytest.mark.parametrize("name", ["resnet18", ""])
def test_unknown_backbone(name):
    with pytest.raises(ValueError, match="resnet101_dilated"):
        backbones.build(name)


def test_imagenet_weights_of_backbones_that_have_none():
    for backbone in ("nano", backbones.nano()):
        with pytest.raises(ValueError, match="weights: 'imagenet' do not exist for this backbone"):
            backbones.build(backbone, weights="imagenet")


def test_keypoint_pyramid_of_the_paper():
    model = keypoint_pyramid(RESNET_LEVELS)
    laterals = sum(conv(1, channels, 256) for channels, _ in RESNET_LEVELS.values())
    assert model.count_params() == laterals + 4 * conv(3, 256, 256) == 3_344_384
    features = {
        key: np.zeros((1, 64 // stride, 96 // stride, channels), "float32")
        for key, (channels, stride) in RESNET_LEVELS.items()
    }
    shapes = {key: tuple(x.shape) for key, x in compiled(model)(features).items()}
    assert shapes == {key: (1, 64 // s, 96 // s, 256) for key, s in STRIDES.items()}


def test_person_pyramid_of_the_paper():
    model = person_pyramid(RESNET_LEVELS)
    laterals = sum(conv(1, channels, 256) for channels in (512, 1024, 2048))
    extra = conv(3, 2048, 256) + conv(3, 256, 256)
    assert model.count_params() == laterals + 3 * conv(3, 256, 256) + extra == 7_997_440


def test_person_pyramid_of_other_conventions():
    """A map of ones through kernels of ones counts the cells that each cell sees."""
    levels = {f"C{level}": (1, 2**level) for level in (3, 4, 5)}
    features = {f"C{level}": np.ones((1, side, side, 1), "float32") for level, side in
                ((3, 16), (4, 8), (5, 4))}  # fmt: skip
    counts = {}
    for padding in ("same", "symmetric"):
        model = person_pyramid(levels, channels=1, strided_padding=padding)
        p6 = model.get_layer("level6_smooth")
        p6.set_weights([np.ones_like(values) * (values.ndim > 1) for values in p6.get_weights()])
        counts[padding] = ops.convert_to_numpy(compiled(model)(features)["P6"])[0, ..., 0]
    np.testing.assert_array_equal(counts["same"], [[9, 6], [6, 4]])
    np.testing.assert_array_equal(counts["symmetric"], [[4, 6], [6, 9]])
    wide = person_pyramid({**levels, "C5": (7, 32)}, channels=2, p6_from="P5")
    assert wide.get_layer("level6_smooth").kernel.shape == (3, 3, 2, 2)
    for fields in ({"p6_from": "P4"}, {"strided_padding": "valid"}):
        with pytest.raises(ValueError, match="use one of C5, P5 and of same, symmetric"):
            person_pyramid(levels, **fields)


def test_resnet_of_another_style():
    with pytest.raises(ValueError, match="style is 'torch'; use 'keras' or 'torchvision'"):
        backbones.resnet(50, style="torch")
    with pytest.raises(ValueError, match="weights is 'imagenet'; use None"):
        backbones.resnet(50, style="torchvision", weights="imagenet")


def test_images_as_torchvision_normalizes_them():
    found = ImageNormalization("torch")(np.array([[[[255, 0, 127.5]]]], "float32"))
    wanted = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.5 - 0.406) / 0.225]
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0, 0, 0], wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="mode is 'tf'; use one of caffe, torch"):
        ImageNormalization("tf")


def test_person_pyramid_takes_odd_sizes():
    features = {
        "C3": np.zeros((1, 13, 9, 512), "float32"),
        "C4": np.zeros((1, 7, 5, 1024), "float32"),
        "C5": np.zeros((1, 4, 3, 2048), "float32"),
    }
    shapes = [
        tuple(x.shape[1:3]) for x in compiled(person_pyramid(RESNET_LEVELS))(features).values()
    ]
    assert shapes == [(13, 9), (7, 5), (4, 3), (2, 2), (1, 1)]


def test_upsampling_is_nearest():
    """With zero weights but the lateral bias, a coarse level reaches a finer one unchanged."""
    levels = {"C3": (1, 8), "C4": (1, 16), "C5": (1, 32)}
    model = person_pyramid(levels, channels=1)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.get_layer("level5_lateral").kernel.assign(np.ones((1, 1, 1, 1)))
    centre = np.zeros((3, 3, 1, 1))
    centre[1, 1] = 1
    model.get_layer("level3_smooth").kernel.assign(centre)
    c5 = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    features = {
        "C3": np.zeros((1, 8, 12, 1), "float32"),
        "C4": np.zeros((1, 4, 6, 1), "float32"),
        "C5": c5,
    }
    p3 = ops.convert_to_numpy(model(features)["P3"])
    np.testing.assert_array_equal(p3, c5.repeat(4, axis=1).repeat(4, axis=2))


def test_keypoint_subnet_of_the_paper():
    model = keypoint_subnet(STRIDES, 17)
    level = conv(3, 256, 128) + conv(3, 128, 128) + conv(1, 256, 18)
    assert model.count_params() == 4 * level + conv(3, 512, 256) + conv(1, 256, 18)
    features = {key: np.zeros((2, 64 // s, 32 // s, 256), "float32") for key, s in STRIDES.items()}
    outputs = compiled(model)(features)
    assert tuple(outputs["maps"].shape) == (2, 16, 8, 18)
    assert tuple(outputs["K5"].shape) == (2, 2, 1, 18)


def test_without_concatenation_the_maps_are_made_of_d2_alone():
    sizes = {"pyramid_channels": 6, "channels": 5, "head_channels": 7}
    model = keypoint_subnet(STRIDES, 3, **sizes, concatenated=False)
    assert not any(layer.name.startswith(("d3", "d4", "d5", "merged_1")) for layer in model.layers)
    assert model.get_layer("merged_conv").kernel.shape == (3, 3, 5, 7)
    assert set(model.output) == {"maps", *STRIDES}  # every level is supervised all the same
    assert separated(model).output["maps"] is model.output["maps"]
    with pytest.raises(ValueError, match="concatenated: MoveNet's backbones always concatenate"):
        MultiPoseNet("movenet_lightning", architecture=Architecture(concatenated=False))


@pytest.mark.parametrize("options", [{}, {"norm": True, "sigmoid": True}])
@pytest.mark.parametrize("strides", [STRIDES, {**STRIDES, "K5": 16}, {**STRIDES, "K3": 4}])
def test_maps_level_by_level(options, strides):
    sizes = {"pyramid_channels": 6, "channels": 5, "head_channels": 7}
    model = keypoint_subnet(strides, 3, **sizes, **options)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        signs = 1 if "variance" in weight.name else rng.choice([-1, 1], weight.shape[-1:])
        weight.assign(rng.uniform(0.1, 1, weight.shape) * signs)
    features = {
        key: rng.normal(size=(2, 64 // s, 96 // s, 6)).astype("float32")
        for key, s in strides.items()
    }
    names, expected = list(model.layers), numpy(compiled(model)(features))["maps"]
    found = numpy(compiled(separated(model))(features))["maps"]
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert model.layers == names  # the subnet itself is as it was


@pytest.mark.one_backend
def test_person_subnet_of_the_paper():
    model = person_subnet()
    tower = 4 * conv(3, 256, 256)
    assert model.count_params() == 2 * tower + conv(3, 256, 9) + conv(3, 256, 36)


@pytest.mark.parametrize("options", [{}, {"norm": True, "channels": 64, "depth": 2}])
def test_person_probability_starts_at_one_percent(options):
    model = person_subnet(**options)
    channels = options.get("channels", 256)
    rng = np.random.default_rng(0)
    features = {
        key: rng.normal(size=(1, side, side, channels)).astype("float32")
        for key, side in zip(("P3", "P4", "P5", "P6", "P7"), (8, 4, 2, 1, 1), strict=True)
    }
    outputs = numpy(compiled(model)(features))
    assert outputs["logits"].shape == (1, 9 * (64 + 16 + 4 + 1 + 1))
    assert outputs["deltas"].shape == (1, 9 * 86, 4)
    probabilities = 1 / (1 + np.exp(-outputs["logits"]))
    assert abs(probabilities.mean() - 0.01) < 0.002
    assert np.abs(outputs["deltas"]).max() < 1


def test_keypoint_probability_starts_at_one_percent():
    model = keypoint_subnet(STRIDES, 17, pyramid_channels=16, channels=8, head_channels=8,
                            norm=True, sigmoid=True)  # fmt: skip
    features = {key: np.zeros((1, 64 // s, 64 // s, 16), "float32") for key, s in STRIDES.items()}
    for values in numpy(compiled(model)(features)).values():
        np.testing.assert_allclose(1 / (1 + np.exp(-values)), 0.01, rtol=1e-4)
