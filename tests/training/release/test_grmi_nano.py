"""``grmi-nano``: what it takes from an SPPE, and what it learns."""

import dataclasses

import numpy as np
import pytest
import random_movenet

from multiposenet.annotations import CocoAnnotations
from multiposenet.files.writing import save_weights
from multiposenet.networks.grmi import load_movenet_start
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.release import grmi_nano, sppe_thunder

RECIPE = dataclasses.replace(
    grmi_nano.TRAINING,
    backbone="movenet_multipose",
    image_size=(64, 32),
    radius=0.1,
    steps=2,
    batch_size=2,
    warmup=0,
    precision="float32",
)
LEARNT = ("heatmaps_", "offset_cells_", "places")


@pytest.fixture
def start(tmp_path):
    """A run's folder with an SPPE on the MoveNet of the recipe."""
    sizes = SPPEArchitecture((64, 32), network="movenet_multipose", stn=False)
    sppe = sizes.single_person(17)
    load_movenet_start(sppe, random_movenet.write(tmp_path))
    run_folder.record_architecture(tmp_path / "rmpe.json", run_folder.describe_sppe(COCO_17, sizes))
    save_weights(sppe, tmp_path / "sppe.weights.h5")
    return sppe


def test_the_heads_learn_on_what_an_sppe_has(start, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(sppe_thunder, "PHOTOS", (f"coco:{scenes.name}",))
    labels = CocoAnnotations.load(scenes / "annotations.json")
    options = {"recipe": RECIPE, "start": str(tmp_path)}
    given = labels, scenes.parent, tmp_path / "run"
    network = grmi_nano.make(RECIPE.architecture(), *given, **options)
    learnt = 0
    for layer in start.layers:
        own = network.get_layer(layer.name).get_weights() if layer.weights else []
        for one, other in zip(own, layer.get_weights(), strict=True):
            if layer.name.startswith(LEARNT):
                learnt += not np.array_equal(one, other)
            else:
                np.testing.assert_array_equal(one, other)
    assert learnt
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    maps = network.predict_on_batch(image)
    assert np.ptp(np.asarray(maps["heatmaps"])) > 0 and np.ptp(np.asarray(maps["offsets"])) > 0


def test_errors_are_one_line(tmp_path, capsys):
    given = [str(tmp_path / name) for name in ("labels.json", "data", "run")]
    assert grmi_nano.main(given) == 2
    said = capsys.readouterr().err
    assert "labels.json: file" in said and said.count("\n") == 1
