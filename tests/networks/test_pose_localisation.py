"""A localisation network that sees with a frozen SPPE: what it sees, and what of it learns."""

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import layers, ops

from multiposenet.networks.layers import FrozenCopy
from multiposenet.networks.pose_localisation import pose_localisation
from multiposenet.networks.sppe import SPPEArchitecture, inference_model
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.training.patches.targets import heatmap_targets

SMALL, WIDE, NUM_KEYPOINTS = (32, 32), (48, 48), 2


def colour_sppe():
    """An SPPE whose maps are the image's red and green at a quarter of the resolution."""
    images = keras.Input((*SMALL, 3))
    maps = layers.AveragePooling2D(4)(images)[..., :NUM_KEYPOINTS] / 255.0
    return keras.Model(images, {"heatmaps": maps}, name="colours")


def learning_sppe():
    """One that could learn, of two stacks."""
    images = keras.Input((*SMALL, 3))
    first = layers.Conv2D(NUM_KEYPOINTS, 4, 4)(layers.BatchNormalization()(images))
    second = layers.Conv2D(NUM_KEYPOINTS, 3, padding="same")(first)
    return keras.Model(images, {"stack1": first, "heatmaps": second}, name="sppe")


def dots(points, size=WIDE):
    """Pictures with a Gaussian for each keypoint, in red and green."""
    images = np.zeros((len(points), *size, 3), "float32")
    images[..., :NUM_KEYPOINTS] = 255 * heatmap_targets(
        points, np.ones(points.shape[:2]), 3.0, size, stride=1
    )
    return images


def numpy(x):
    return ops.convert_to_numpy(x)


def test_it_starts_in_the_middle():
    network = pose_localisation(learning_sppe(), WIDE, linear=0.3, scale=2 / 3)
    images = np.random.default_rng(0).uniform(0, 255, (2, *WIDE, 3)).astype("float32")
    theta = numpy(compiled(network)(images))
    np.testing.assert_allclose(theta, np.tile([[2 / 3, 0, 0], [0, 2 / 3, 0]], (2, 1, 1)), atol=1e-6)


def test_it_sees_the_highest_values_of_rows_and_columns_of_the_first_maps():
    sppe = learning_sppe()
    network = pose_localisation(sppe, SMALL)
    seeing = keras.Model(network.input, network.get_layer("features").output)
    images = np.random.default_rng(1).uniform(0, 255, (3, *SMALL, 3)).astype("float32")
    found = numpy(compiled(seeing)(images))
    maps = numpy(compiled(sppe)(images)["stack1"])
    expected = [maps.max(axis=1).reshape(3, -1), maps.max(axis=2).reshape(3, -1)]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-2)


def test_it_sees_all_of_a_wider_picture():
    network = pose_localisation(colour_sppe(), WIDE)
    seeing = keras.Model(network.input, network.get_layer("features").output)
    points = np.array([[[9.0, 39.0], [39.0, 9.0]]], "float32")
    across, down = np.split(numpy(compiled(seeing)(dots(points)))[0].reshape(16, NUM_KEYPOINTS), 2)
    np.testing.assert_array_equal(across.argmax(axis=0), [1, 6])  # of 8 cells, 6 pixels each
    np.testing.assert_array_equal(down.argmax(axis=0), [6, 1])


def test_only_the_head_learns():
    sppe = learning_sppe()
    network = pose_localisation(sppe, WIDE)
    network.trainable = True  # as the stage does
    head = network.get_layer("head")
    assert {id(x) for x in network.trainable_variables} == {id(x) for x in head.weights}
    images = np.random.default_rng(2).uniform(0, 255, (2, *WIDE, 3)).astype("float32")
    before = numpy(compiled(network)(images))
    sppe.set_weights([value + 1 for value in sppe.get_weights()])
    np.testing.assert_array_equal(numpy(compiled(network)(images)), before)


def test_a_frozen_copy_keeps_its_statistics_in_training():
    model = learning_sppe()
    images = keras.Input((*SMALL, 3))
    frozen = FrozenCopy(model)
    training = keras.Model(images, frozen(images)["heatmaps"])
    assert training.trainable_variables == [] and len(frozen.weights) == len(model.weights)
    before = [numpy(x) for x in frozen.weights]
    training(np.ones((2, *SMALL, 3), "float32"), training=True)
    for old, new in zip(before, frozen.weights, strict=True):
        np.testing.assert_array_equal(old, numpy(new))


def test_the_whole_network_returns_from_a_file(tmp_path):
    sppe = learning_sppe()
    network = inference_model(sppe, pose_localisation(sppe, WIDE, linear=0.3, scale=2 / 3))
    images = np.random.default_rng(3).uniform(0, 255, (2, *WIDE, 3)).astype("float32")
    expected = numpy(compiled(network)(images)["heatmaps"])
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(numpy(compiled(loaded)(images)["heatmaps"]), expected, atol=1e-5)


@pytest.mark.parametrize("oversampling", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_heatmaps_are_in_the_frame_of_the_wider_proposal(turned, oversampling):
    sppe = colour_sppe()
    localisation = pose_localisation(sppe, WIDE, linear=0.3, scale=2 / 3)
    if turned:
        numbers = localisation.get_layer("head").get_layer("numbers")
        kernel, _ = numbers.get_weights()
        numbers.set_weights([kernel, np.array([0.3, -0.1, 0.4, 0.2, -0.3, -0.3], "float32")])
    found = compiled(keypoint_model(inference_model(sppe, localisation, oversampling)))
    points = np.array([[[22.0, 25.0], [28.0, 20.0]]], "float32")
    images = dots(points).repeat(oversampling, axis=1).repeat(oversampling, axis=2)
    places = numpy(found(images)["keypoints"]) / oversampling
    np.testing.assert_allclose(places, points, atol=1)


def test_proposals_of_an_architecture():
    wide = SPPEArchitecture((192, 128), proposal_scale=1.25, localisation_network="pose")
    assert wide.proposal_size == (240, 160) and wide.margin == pytest.approx(0.5)
    plain = SPPEArchitecture((192, 128))
    assert plain.proposal_size == (192, 128) and plain.margin == 0.2
    with pytest.raises(ValueError, match=r"proposal_scale: 1.1; .* multiples of 4"):
        SPPEArchitecture((192, 128), proposal_scale=1.1)
    with pytest.raises(ValueError, match="proposal_scale: 0.5; give a number from 1"):
        SPPEArchitecture((192, 128), proposal_scale=0.5)
    with pytest.raises(ValueError, match="oversampling: 0; give a whole number from 1"):
        SPPEArchitecture(oversampling=0)
    with pytest.raises(ValueError, match="localisation_network: 'eyes'; use one of squeeze, pose"):
        SPPEArchitecture(localisation_network="eyes")
