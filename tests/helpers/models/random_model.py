"""A small MultiPoseNet of random weights that takes everything for a person."""

import keras
import numpy as np

from multiposenet.networks.layers import ImageNormalization
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet

TINY = Architecture(
    pyramid_channels=8, keypoint_channels=8, head_channels=8, person_depth=1, prn_nodes=4,
    prn_stride=2, sigmoid=True,
)  # fmt: skip


def four_convolutions(channels, first=None):
    """A backbone with a convolution for each level, behind a first layer if there is one."""
    images = keras.Input((None, None, 3))
    x, outputs = first(images) if first else images, {}
    for level, stride in (("C2", 4), ("C3", 2), ("C4", 2), ("C5", 2)):
        options = {"activation": "relu", "name": level.lower()}
        x = keras.layers.Conv2D(channels, 3, stride, "same", **options)(x)
        outputs[level] = x
    return keras.Model(images, outputs, name="four_convolutions")


def random_model():
    keras.utils.set_random_seed(0)
    backbone = four_convolutions(24, ImageNormalization("centered"))
    model = MultiPoseNet(backbone, architecture=TINY, options={"max_people": 3})
    model.person_subnet.get_layer("logits").bias.assign(np.full(9, 2.0, "float32"))
    kernel = model.keypoint_subnet.get_layer("prediction").kernel  # maps without ties
    kernel.assign(np.random.default_rng(0).normal(scale=0.3, size=kernel.shape))
    return model
