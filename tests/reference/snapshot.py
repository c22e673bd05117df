"""Weights for a keras-retinanet ResNet-50 snapshot that need no 150 MB file in the repository.

A real snapshot is made of ~300 arrays. Here each array is a function of its layer, its name and
its shape alone, so that the script that runs the real keras-retinanet and the test that writes a
snapshot file for our loader use the same network. NumPy only: it runs in both environments.
"""

import zlib

import numpy as np

IMAGE_SIZES = ((104, 136), (101, 133))
"""Even sizes meet the asymmetric part of 'same' padding; neither is a multiple of 32."""


def weight(layer: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 array of one weight, e.g. ``weight("conv1", "kernel", (7, 7, 3, 64))``.

    Uniformly distributed, seeded by the CRC-32 of ``layer/name``. Moving variances are positive,
    biases and moving means are not zero.
    """
    # RandomState's stream is frozen for ever by NumPy's policy, that of default_rng is not.
    uniform = np.random.RandomState(zlib.crc32(f"{layer}/{name}".encode())).random_sample(shape)
    if name == "kernel":
        # Nothing normalises these activations; a pixel of 255 becomes 4, and so they stay small.
        spread = np.sqrt(4 / np.prod(shape[:-1])) / (64 if layer == "conv1" else 1)
        values = (2 * uniform - 1) * spread
    elif name == "gamma" and layer.endswith("branch2c"):
        values = 0.1 + uniform * 0.4
    elif name in ("gamma", "moving_variance"):
        values = 0.5 + uniform
    else:
        values = (2 * uniform - 1) * 0.2
    return values.astype("float32")


def image(size: tuple[int, int]) -> np.ndarray:
    """``(1, H, W, 3)`` uint8 RGB of noise over a gradient."""
    noise = np.random.RandomState(zlib.crc32(b"image")).random_sample((*size, 3))
    ramp = np.linspace(0, 1, size[1])[:, None] * np.array([1.0, 0.5, 0.2])
    return (255 * (0.5 * noise + 0.5 * ramp)).astype("uint8")[None]
