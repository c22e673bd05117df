"""The stage of G-RMI: its batches and loss, what a run leaves, how it begins and goes on."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import ops
from one_person import BOX, POINTS
from painted import FLIP, sample

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError, WeightsError
from multiposenet.maths import cropping
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.systems.grmi_files import GRMIFile
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.loop import fitting
from multiposenet.training.stages import grmi

SIZES = {
    "backbone": "nano", "pretrained": "none", "frozen": "none", "image_size": (64, 32),
    "stride": 8, "head_channels": 0, "places": False, "auxiliary": 0.5, "radius": 0.2,
}  # fmt: skip
TINY = {
    "steps": 2,
    "batch_size": 4,
    "warmup": 1,
    "validate_every": 0,
    "least_size": 0.0,
    "ema": 0.0,
}
RECIPE = recipes.NanoGRMI(**SIZES, **TINY)
THREE = Skeleton("three", ("a", "left_b", "right_b"), ((0, 1),), (0.1, 0.1, 0.1))


def batches(photo, **changes):
    still = {"enlarge": (1.25, 1.25), "rotation_chance": 0.0, "flip": 0.0}
    recipe = dataclasses.replace(RECIPE, **still | changes)
    return grmi.DiskBatches([photo], recipe, recipe.architecture(), THREE)


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [BOX], labelled=[[True, True, False]])


def test_disks_and_offsets_of_a_crop(photo):
    assert list(THREE.flip_indices) == list(FLIP)
    images, y = batches(photo)(0)
    assert images.shape == (4, 64, 32, 3) and y["heatmaps"].shape == (4, 8, 4, 3)
    np.testing.assert_array_equal(y["weight"], [[1, 1, 0]] * 4)
    (region,) = cropping.regions([BOX], (64, 32), 0.25)
    zoom = 32 / (region[2] - region[0])
    places = (np.array(POINTS) - region[:2]) * zoom
    cells = np.stack(np.meshgrid(np.arange(4), np.arange(8)), -1) * 8 + 4
    for k in (0, 1):
        ways = places[k] - cells
        inside = np.hypot(ways[..., 0], ways[..., 1]) <= 0.2 * 64
        np.testing.assert_array_equal(y["heatmaps"][0, ..., k], inside)
        np.testing.assert_allclose(y["offsets"][0][..., k::3], ways * inside[..., None], atol=1e-3)


def test_boxes_are_enlarged_uniformly(photo):
    made = batches(photo, enlarge=(1.0, 1.5), batch_size=200)
    (region,) = cropping.regions([BOX], (64, 32), 0.0)
    sides = []
    sampler = made._sampler()
    for row in range(200):
        move, _ = sampler._draw_map(made.people[0].labels, np.random.default_rng(row))
        sides.append(32 / move.matrix[0, 0] / (region[2] - region[0]))
    assert 1.0 <= min(sides) < 1.02 and 1.48 < max(sides) <= 1.5
    assert np.mean(sides) == pytest.approx(1.25, abs=0.03)


def test_nobody_to_learn_from(photo):
    with pytest.raises(AnnotationError, match="persons: no person of at least"):
        batches(photo, least_size=1e4)


def test_the_loss_is_the_weighted_sum_of_its_parts():
    stage = grmi.GRMIStage(RECIPE.architecture().network(3, auxiliary=True), RECIPE)
    rng = np.random.default_rng(0)
    disks = (rng.uniform(size=(2, 8, 4, 3)) < 0.2).astype("float32")
    y = {
        "heatmaps": disks,
        "offsets": rng.normal(0, 4, (2, 8, 4, 6)).astype("float32"),
        "weight": np.float32([[1, 0, 1], [1, 1, 0]]),
    }
    found = {
        "heatmaps": rng.normal(size=disks.shape).astype("float32"),
        "auxiliary": rng.normal(size=disks.shape).astype("float32"),
        "offsets": rng.normal(0, 4, (2, 8, 4, 6)).astype("float32"),
    }
    expected = 0.0
    for image, k in np.argwhere(y["weight"]):
        t = disks[image, ..., k]
        logistic = {
            name: np.sum(np.log1p(np.exp(-found[name][image, ..., k] * (2 * t - 1))))
            for name in ("heatmaps", "auxiliary")
        }
        away = (y["offsets"] - found["offsets"])[image][..., k::3][t > 0]
        length = np.hypot(*away.T)
        huber = np.where(length < 1, length**2 / 2, length - 0.5).sum()
        expected += 4 * (logistic["heatmaps"] + 0.5 * logistic["auxiliary"]) + huber
    loss = stage.compute_loss(None, y, {k: ops.convert_to_tensor(v) for k, v in found.items()})
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected / 4, rel=1e-4)


@pytest.fixture(scope="module")
def run(eagerly, scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    pipeline.train(
        "grmi",
        coco.read(scenes),
        folder,
        RECIPE,
        val_annotations=CocoAnnotations.load(scenes / "annotations.json"),
        val_images=scenes / "photos",
    )
    return folder


@pytest.mark.slow
def test_what_it_leaves_is_loaded_without_the_auxiliary_head(run):
    found = GRMIFile.find(run)
    assert found.architecture == RECIPE.architecture() and found.skeleton == COCO_17
    network = found.network()
    assert set(network.output) == {"heatmaps", "offsets"}
    lines = (run / "grmi_stage.jsonl").read_text().splitlines()
    measured = [line["validation"] for line in map(json.loads, lines) if "validation" in line]
    assert list(measured[-1]) == ["pck/true"]


@pytest.mark.slow
def test_it_begins_with_another_run_and_keeps_what_is_frozen(run, scenes, tmp_path):
    recipe = dataclasses.replace(RECIPE, pretrained=str(run), frozen="pyramid", radius=0.1)
    first = grmi.begin(recipe, recipe.architecture(), COCO_17)
    whole = grmi.grmi.inference_model(first).get_weights()
    given = GRMIFile.find(run).network().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(whole, given, strict=True))
    pipeline.train("grmi", coco.read(scenes), tmp_path, recipe)
    learnt = GRMIFile.find(tmp_path).network()
    for layer, before in zip(learnt.layers, GRMIFile.find(run).network().layers, strict=True):
        same = [
            np.array_equal(a, b)
            for a, b in zip(layer.get_weights(), before.get_weights(), strict=True)
        ]
        assert all(same) or layer.name.endswith("_prediction")
    assert not all(np.array_equal(a, b) for a, b in zip(learnt.get_weights(), given, strict=True))


@pytest.mark.slow
def test_it_begins_with_another_run_of_smaller_crops(tmp_path):
    keras.utils.set_random_seed(3)
    recipe = dataclasses.replace(RECIPE, places=True, auxiliary=0.0)
    described = run_folder.describe_sppe(COCO_17, recipe.architecture())
    run_folder.record_architecture(tmp_path / "grmi.json", described)
    first = recipe.architecture().network(17)
    places = first.get_layer("places").bias
    height, width, _ = places.shape
    places.assign(np.broadcast_to(np.arange(height)[:, None, None], places.shape))
    first.save_weights(tmp_path / "grmi.weights.h5")
    sizes = tuple(2 * side for side in recipe.image_size)
    larger = dataclasses.replace(recipe, pretrained=str(tmp_path), image_size=sizes)
    network = grmi.begin(larger, larger.architecture(), COCO_17)
    for layer in first.layers:
        if layer.name != "places":
            own = network.get_layer(layer.name).get_weights()
            np.testing.assert_equal(own, layer.get_weights())
    (resized,) = network.get_layer("places").get_weights()
    assert resized.shape == (2 * height, 2 * width, 17)
    halfway = np.arange(0.25, height - 1, 0.5)  # between the middles of the cells
    np.testing.assert_allclose(resized[1:-1, 0, 0], halfway, atol=1e-6)


@pytest.mark.slow
def test_killed_and_resumed(run, scenes, tmp_path, monkeypatch):
    real, fit = grmi.DiskBatches.share, fitting.fit

    def killed(self, step, process, processes):
        if step == 1:
            raise KeyboardInterrupt
        return real(self, step, process, processes)

    monkeypatch.setattr(
        fitting, "fit", lambda *args, **rest: fit(*args, **rest, checkpoint_every=1)
    )
    keras.utils.set_random_seed(3)
    pipeline.train("grmi", coco.read(scenes), tmp_path / "whole", RECIPE)
    keras.utils.set_random_seed(3)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(grmi.DiskBatches, "share", killed)
        pipeline.train("grmi", coco.read(scenes), tmp_path / "parts", RECIPE)
    pipeline.train("grmi", coco.read(scenes), tmp_path / "parts", RECIPE, resume=True)
    whole, parts = (
        GRMIFile.find(tmp_path / name).network().get_weights() for name in ("whole", "parts")
    )
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_what_it_cannot_begin_with(tmp_path):
    with pytest.raises(ValueError, match="pretrained: .*no-such.*MoveNet"):
        dataclasses.replace(RECIPE, pretrained="no-such")
    with pytest.raises(ValueError, match="enlarge"):
        dataclasses.replace(RECIPE, enlarge=(1.5, 1.0))
    imagenet = dataclasses.replace(RECIPE, pretrained="imagenet")
    with pytest.raises(InputError, match="--set: pretrained: weights: 'imagenet' do not exist"):
        grmi.begin(imagenet, imagenet.architecture(), COCO_17)
    (tmp_path / "movenet.json").write_text("{}")
    movenet = dataclasses.replace(RECIPE, pretrained=str(tmp_path / "movenet.json"))
    with pytest.raises(InputError, match="is a MoveNet's, the backbone is nano"):
        grmi.begin(movenet, movenet.architecture(), COCO_17)
    with pytest.raises(WeightsError, match="grmi.json: file: missing"):
        folder = dataclasses.replace(RECIPE, pretrained=str(tmp_path))
        grmi.begin(folder, folder.architecture(), COCO_17)
