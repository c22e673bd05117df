"""Weights that need not be kept, as they are drawn anew: by name and shape alone."""

import zlib

import numpy as np


def array(name, shape):
    """The values of one weight of a PyTorch network, float32."""
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("running_var") or (name.endswith(".weight") and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype("float32")
    if len(shape) == 4:
        return (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype("float32")
    return (0.1 * rng.standard_normal(shape)).astype("float32")


def detector_array(name, shape):
    """The values of one weight of a torchvision detector with a ResNet, float32.

    Nothing normalizes its activations, so residual blocks add little. Variances behind the stem are
    small, as some of published ones are, so that it counts which epsilon is added to them.
    """
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    if len(shape) == 4:
        last = "bbox_reg" in name or "cls_logits" in name
        bound = (6 / np.prod(shape[1:])) ** 0.5 * (0.1 if last else 1)
        return rng.uniform(-bound, bound, shape).astype("float32")
    values = rng.uniform(0.5, 1.5, shape)
    if name.endswith("bn3.weight"):
        values *= 0.2
    elif name.endswith("body.bn1.weight"):
        values *= 1e-3
    elif name.endswith("body.bn1.running_var"):
        values *= 1e-6
    elif name.endswith(("bias", "running_mean")):
        values = 0.2 * (values - 1)
    return values.astype("float32")


def photo(seed, height, width):
    """(1, H, W, 3) uint8."""
    return np.random.RandomState(seed).randint(0, 256, (1, height, width, 3), dtype=np.uint8)
