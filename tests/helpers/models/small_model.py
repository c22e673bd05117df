"""A small MultiPoseNet with patches and labels for its stages."""

import keras
import numpy as np
from keras import layers

from multiposenet.maths.anchors import anchors_for_image
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet


def small(**fields):
    """A model with batch normalization in every trained part, and these of its architecture."""
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x, outputs = layers.Rescaling(1 / 255)(images), {}
    for level, stride in (("C2", 4), ("C3", 2), ("C4", 2), ("C5", 2)):
        x = layers.BatchNormalization()(layers.Conv2D(6, 3, stride, "same")(x))
        x = outputs[level] = layers.ReLU()(x)
    architecture = Architecture(
        pyramid_channels=8, keypoint_channels=4, head_channels=8, person_depth=1, norm=True,
        sigmoid=True, anchor_sizes=(16, 32, 64, 128, 256), prn_nodes=4, prn_stride=2, **fields,
    )  # fmt: skip
    return MultiPoseNet(keras.Model(images, outputs), architecture=architecture)


def images(seed=0, side=64):
    return np.random.default_rng(seed).uniform(0, 255, (2, side, side, 3)).astype("float32")


def keypoint_labels():
    rng = np.random.default_rng(1)
    return {
        "target": rng.uniform(size=(2, 16, 16, 18)).astype("float32"),
        "weight": rng.integers(0, 2, (2, 16, 16, 18)).astype("float32"),
    }


def person_labels(model, side=64):
    grid = anchors_for_image((side, side), model.anchors)
    rng = np.random.default_rng(2)
    return {
        "labels": rng.choice([-1, 0, 1], (2, len(grid)), p=[0.1, 0.8, 0.1]).astype("int32"),
        "boxes": (grid + rng.uniform(-3, 3, (2, len(grid), 4))).astype("float32"),
    }
