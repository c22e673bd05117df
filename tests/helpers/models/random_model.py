"""A small MultiPoseNet of random weights that takes everything for a person."""

import keras
import numpy as np

from multiposenet.networks.backbones.compact import nano
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet

TINY = Architecture(
    pyramid_channels=8, keypoint_channels=8, head_channels=8, person_depth=1, prn_nodes=4,
    prn_stride=2, sigmoid=True,
)  # fmt: skip


def random_model():
    keras.utils.set_random_seed(0)
    backbone = nano(filters=(24,) * 4, blocks=(1,) * 4)
    model = MultiPoseNet(backbone, architecture=TINY, options={"max_people": 3})
    model.person_subnet.get_layer("logits").bias.assign(np.full(9, 2.0, "float32"))
    kernel = model.keypoint_subnet.get_layer("prediction").kernel  # maps without ties
    kernel.assign(np.random.default_rng(0).normal(scale=0.3, size=kernel.shape))
    return model
