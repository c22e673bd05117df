"""The symmetric STN: who learns from what, what is saved, and that persons move to the centre."""

import zipfile

import keras
import numpy as np
import pytest
from compiled import compiled
from keras import layers, ops
from stn_points import transform_pixels

from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks.spatial_transformer import localisation_network, sample
from multiposenet.networks.symmetric_stn import symmetric_stn, with_parallel_sppe
from multiposenet.training import losses
from multiposenet.training.patches.targets import centre_pose, heatmap_targets

SIZE, NUM_KEYPOINTS = (32, 32), 2
THETA = np.array([0.3, -0.1, 0.4, 0.2, -0.3, -0.3], "float32")  # before tanh and limits


def parts():
    """An SPPE with two stacks, normalization and dropout, small; and a localisation network."""
    images = keras.Input((*SIZE, 3))
    x = layers.BatchNormalization()(layers.Conv2D(6, 4, 4)(images))
    x = layers.Dropout(0.5)(layers.ReLU()(x))
    first = layers.Conv2D(NUM_KEYPOINTS, 1)(x)
    second = layers.Conv2D(NUM_KEYPOINTS, 3, padding="same")(first)
    sppe = keras.Model(images, {"stack1": first, "heatmaps": second}, name="sppe")
    return sppe, localisation_network(SIZE)


def turn(localisation):
    """Makes the network say one map other than the identity."""
    kernel, _ = localisation.get_layer("numbers").get_weights()
    localisation.get_layer("numbers").set_weights([kernel, THETA])


def proposals(count=2):
    return np.random.default_rng(0).uniform(0, 255, (count, *SIZE, 3)).astype("float32")


def targets(count=2):
    rng = np.random.default_rng(1)
    maps = rng.uniform(size=(2, count, 8, 8, NUM_KEYPOINTS)).astype("float32")
    return {
        "own": maps[0],
        "centred": maps[1],
        "weight": np.ones((count, NUM_KEYPOINTS), "float32"),
    }


def arrays(variables):
    return [x.numpy().copy() for x in variables]


def equal(before, after):
    return all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


class Training(keras.Model):
    """The network with the paper's loss, or with the parallel SPPE's part of it alone."""

    def __init__(self, network, own=True):
        super().__init__()
        self.network, self.own = network, own

    def call(self, images, training=None):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y_pred = y_pred if self.own else {**y_pred, "own": {}}
        return losses.symmetric_stn(y["own"], y["centred"], y_pred, y["weight"])


def train(model, images, y, optimizer=None, steps=1):
    # Compiling takes longer than one step, except where every operation would be compiled alone.
    jit = keras.backend.backend() == "jax"
    eagerly = not jit and steps == 1
    model.compile(optimizer or keras.optimizers.SGD(0.001), jit_compile=jit, run_eagerly=eagerly)
    for _ in range(steps):
        model.train_on_batch(images, y)


def test_starts_as_the_sppe_alone():
    (sppe, localisation), images = parts(), proposals()
    found = compiled(symmetric_stn(sppe, localisation))(images)
    expected = ops.convert_to_numpy(compiled(sppe)(images)["heatmaps"])
    maps = ops.convert_to_numpy(found["heatmaps"])
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-3)
    identity = np.tile([[1.0, 0, 0], [0, 1, 0]], (2, 1, 1))
    np.testing.assert_array_equal(ops.convert_to_numpy(found["theta"]), identity)


def averaging_sppe():
    """An SPPE whose maps are the image's red and green at a quarter of the resolution."""
    images = keras.Input((*SIZE, 3))
    maps = layers.AveragePooling2D(4)(images)[..., :NUM_KEYPOINTS] / 255.0
    return keras.Model(images, {"heatmaps": maps}, name="averaging")


def dots(points):
    """Proposals ``(B, *SIZE, 3)`` with a Gaussian for each keypoint, in red and green."""
    images = np.zeros((len(points), *SIZE, 3), "float32")
    images[..., :NUM_KEYPOINTS] = 255 * heatmap_targets(
        points, np.ones(points.shape[:2]), 3.0, SIZE, stride=1
    )
    return images


def test_heatmaps_and_theta_are_in_the_frame_of_the_proposal():
    points = np.array([[[13.0, 17.0], [19.0, 12.0]]], "float32")
    localisation = localisation_network(SIZE)
    model = symmetric_stn(averaging_sppe(), localisation)
    turn(localisation)
    found = compiled(model)(dots(points))
    decoded, _ = GaussianHeatmaps().decode_single(found)
    np.testing.assert_allclose(ops.convert_to_numpy(decoded), points, atol=1)
    person = sample(dots(points), found["theta"], SIZE)
    inner = GaussianHeatmaps().decode_single(averaging_sppe()(person))[0]
    assert np.abs(ops.convert_to_numpy(inner) - points).max() > 3
    outside = transform_pixels(found["theta"], inner, SIZE)
    np.testing.assert_allclose(outside, points, atol=0.7)


def test_training_outputs():
    found = compiled(with_parallel_sppe(*parts()))(proposals())
    assert set(found["own"]) == set(found["centred"]) == {"stack1", "heatmaps"}
    # The copy starts as the SPPE and theta at the identity: without SDTN, the same maps.
    for key, own in found["own"].items():
        centred = ops.convert_to_numpy(found["centred"][key])
        np.testing.assert_allclose(ops.convert_to_numpy(own), centred, rtol=1e-4, atol=1e-3)


def test_the_parallel_sppe_stays_as_it_is():
    sppe, localisation = parts()
    network = with_parallel_sppe(sppe, localisation)
    parallel = network.get_layer("parallel_sppe")
    assert parallel.trainable_variables == []
    learning = {id(x) for x in (*sppe.trainable_variables, *localisation.trainable_variables)}
    assert {id(x) for x in network.trainable_variables} == learning
    before, own = arrays(parallel.variables), arrays(sppe.trainable_variables)
    train(Training(network), proposals(), targets())
    assert equal(before, arrays(parallel.variables))
    assert not equal(own, arrays(sppe.trainable_variables))


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_the_parallel_error_moves_the_stn_only():
    sppe, localisation = parts()
    network = with_parallel_sppe(sppe, localisation)
    turn(localisation)
    before = [arrays(model.trainable_variables) for model in (sppe, localisation)]
    train(Training(network, own=False), proposals(), targets())
    assert equal(before[0], arrays(sppe.trainable_variables))
    assert not equal(before[1], arrays(localisation.trainable_variables))


@pytest.mark.one_backend
def test_nothing_of_the_parallel_branch_is_saved(tmp_path):
    sppe, localisation = parts()
    model = symmetric_stn(sppe, localisation)
    network = with_parallel_sppe(sppe, localisation)
    train(Training(network), proposals(), targets())
    path = tmp_path / "sstn.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.count_params() == sppe.count_params() + localisation.count_params()
    assert network.count_params() == loaded.count_params() + sppe.count_params()

    def names(layer):
        return [layer.name] + [x for part in getattr(layer, "layers", []) for x in names(part)]

    assert any("parallel" in name for name in names(network))
    assert not any("parallel" in name for name in names(loaded))
    with zipfile.ZipFile(path) as file:
        assert not any(b"parallel" in file.read(name) for name in file.namelist())
    # What was learnt is in the file, as the training network has it.
    expected, found = (compiled(model)(proposals()) for model in (network, loaded))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found["heatmaps"]),
        ops.convert_to_numpy(expected["own"]["heatmaps"]),
        atol=1e-4,
    )


@pytest.mark.not_on_jax  # of what it compiles, the tests above have shown all
def test_the_parallel_error_brings_the_person_to_the_centre():
    """The person stands right of the centre in one proposal, left of it in the other."""
    centre = np.array([[[16.0, 12.0], [16.0, 20.0]]], "float32")
    shifts = np.array([[[4.0, 2.0]], [[-3.0, -2.0]]], "float32")
    points = centre + shifts
    visible = np.ones(points.shape[:2], "float32")
    boxes = np.concatenate([points.min(1), points.max(1)], axis=1)
    centred = centre_pose(points, boxes, SIZE)
    np.testing.assert_allclose(centred, np.repeat(centre, 2, axis=0))
    y = {
        "own": heatmap_targets(points, visible, 3.0, SIZE),
        "centred": heatmap_targets(centred, visible, 3.0, SIZE),
        "weight": visible,
    }
    localisation = localisation_network(SIZE)
    network = with_parallel_sppe(averaging_sppe(), localisation)
    train(Training(network), dots(points), y, keras.optimizers.Adam(0.003), steps=30)
    found = compiled(network)(dots(points))
    seen, back = (
        ops.convert_to_numpy(GaussianHeatmaps().decode_single(found[key])[0])
        for key in ("centred", "own")
    )
    assert np.abs(seen - centred).mean() < 0.3 * np.abs(points - centred).mean()
    assert np.abs(back - points).mean() < 0.5
