"""An SPPE on a MoveNet: the heatmaps of the whole model on the same weights, and its sizes."""

import numpy as np
import pytest
import random_movenet
from keras import ops

from multiposenet.networks.grmi import load_movenet_start
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.systems.multiposenet import MultiPoseNet

SIZES = SPPEArchitecture((64, 32), network="movenet_multipose", stn=False)


@pytest.mark.one_backend
def test_heatmaps_are_movenets_and_the_expected_places(tmp_path):
    path = random_movenet.write(tmp_path)
    sppe, whole = SIZES.single_person(17), MultiPoseNet("movenet_multipose", weights=path)
    load_movenet_start(sppe, path)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    features = whole.backbone(image, training=False)
    logits = ops.convert_to_numpy(whole.keypoint_maps([features], training=False)["maps"])[..., :17]
    found = ops.convert_to_numpy(sppe(image)["heatmaps"])
    assert found.shape == (1, 16, 8, 17)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-5)
    expected = np.random.default_rng(1).uniform(-2, 0, (16, 8, 17)).astype("float32")
    sppe.get_layer("places").bias.assign(expected)
    found = ops.convert_to_numpy(sppe(image)["heatmaps"])
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits - expected)), atol=1e-5)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="network: 'movenet'; use one of hourglass, movenet_light"):
        SPPEArchitecture(network="movenet")
    with pytest.raises(ValueError, match="image_size"):
        SPPEArchitecture((64, 40), network="movenet_multipose").single_person(17)
