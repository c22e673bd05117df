"""``grmi-nano``: where keypoints are expected, and what the file has."""

import numpy as np
import pytest
import random_movenet

from multiposenet.annotations import CocoAnnotations
from multiposenet.maths import cropping
from multiposenet.networks.grmi import GRMIArchitecture
from multiposenet.training.release import grmi_nano

SMALL = GRMIArchitecture(
    "movenet_multipose", (64, 32), stride=4, radius=0.05, head_channels=96, places=True
)


@pytest.fixture
def annotations(scenes):
    return CocoAnnotations.load(scenes / "annotations.json")


def test_places_are_those_of_the_labels_and_their_mirror_images(annotations):
    found = grmi_nano.places(annotations, SMALL)
    assert found.shape == (16, 8, 17)
    assert found.min() >= np.log(grmi_nano.FAINTEST) - 1e-5
    np.testing.assert_allclose(found.max(axis=(0, 1)), np.log(1.01), atol=1e-4)
    mirrored = found[:, ::-1][..., annotations.skeleton.flip_indices]
    np.testing.assert_allclose(found, mirrored, atol=1e-4)
    # The mean place of a keypoint, cell by cell, is that of the labels.
    persons = annotations.persons
    counted = persons.num_keypoints >= grmi_nano.LEAST_KEYPOINTS
    boxes = persons.xywh.copy()
    boxes[:, 2:] += boxes[:, :2]
    regions = cropping.regions(boxes, (64, 32), grmi_nano.MARGIN)
    seen = (persons.keypoints[:, 0, 2] > 0) & counted
    share = (persons.keypoints[:, 0, 1] - regions[:, 1]) / (regions[:, 3] - regions[:, 1])
    weights = (np.exp(found[..., 0]) - grmi_nano.FAINTEST).sum(axis=1)
    mean = (weights * (np.arange(16) + 0.5)).sum() / weights.sum()
    assert mean == pytest.approx(16 * share[seen].mean(), abs=0.6)


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
