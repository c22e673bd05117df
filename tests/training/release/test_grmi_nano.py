"""``grmi-nano``: what the file has."""

import numpy as np
import pytest
import random_movenet

from multiposenet.annotations import CocoAnnotations
from multiposenet.networks.grmi import GRMIArchitecture
from multiposenet.training.release import grmi_nano

SMALL = GRMIArchitecture(
    "movenet_multipose", (64, 32), stride=4, radius=0.05, head_channels=96, places=True
)


@pytest.fixture
def annotations(scenes):
    return CocoAnnotations.load(scenes / "annotations.json")


def test_what_is_made(annotations, tmp_path):
    path = random_movenet.write(tmp_path)
    network = grmi_nano.make(path, annotations, SMALL)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 32, 3)).astype("float32")
    maps = network.predict_on_batch(image)
    np.testing.assert_allclose(np.asarray(maps["offsets"]), np.full((1, 16, 8, 34), -1.0))
    assert np.ptp(np.asarray(maps["heatmaps"])) > 0


def test_errors_are_one_line(tmp_path, capsys):
    assert grmi_nano.main([str(tmp_path / "none.json"), str(tmp_path / "labels.json")]) == 2
    said = capsys.readouterr().err
    assert "labels.json: file" in said and said.count("\n") == 1
