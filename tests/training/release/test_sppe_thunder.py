"""``sppe-thunder``: what the file has, and that RMPE opens it."""

import dataclasses
import json

import numpy as np
import pytest
import random_movenet

from multiposenet import zoo
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.systems.sppe_files import load_network
from multiposenet.training.release import sppe_thunder


@pytest.fixture
def small(monkeypatch):
    sizes = SPPEArchitecture((64, 32), network="movenet_multipose", stn=False)
    monkeypatch.setattr(sppe_thunder, "ARCHITECTURE", sizes)
    recipe = dataclasses.replace(sppe_thunder.TUNING, steps=2, batch_size=2, precision="float32")
    monkeypatch.setattr(sppe_thunder, "TUNING", recipe)


def test_what_is_released_is_loaded(small, scenes, tmp_path, monkeypatch):
    movenet, labels = random_movenet.write(tmp_path), scenes / "annotations.json"
    monkeypatch.setattr(sppe_thunder, "PHOTOS", (f"coco:{scenes.name}",))
    given = [movenet, labels, scenes.parent, tmp_path / "run", "--out", tmp_path]
    assert sppe_thunder.main([str(argument) for argument in given]) == 0
    entry = json.loads((tmp_path / "manifest.json").read_text())["sppe"]["sppe-thunder"]
    assert (
        entry["card"] == "cards/sppe-thunder.md"
        and entry["options"]["margin"] == sppe_thunder.MARGIN
    )
    monkeypatch.setattr(zoo, "_folder", lambda: tmp_path)
    zoo._manifest.cache_clear()
    try:
        network, _, options = load_network("sppe-thunder")
    finally:
        zoo._manifest.cache_clear()
    assert options["margin"] == sppe_thunder.MARGIN
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    maps = np.asarray(network(image)["heatmaps"])
    assert maps.shape == (1, 16, 8, 17) and np.ptp(maps) > 0


def test_errors_are_one_line(tmp_path, capsys):
    given = [str(tmp_path / name) for name in ("none.json", "labels.json", "data", "run")]
    assert sppe_thunder.main(given) == 2
    said = capsys.readouterr().err
    assert "labels.json: file" in said and said.count("\n") == 1
