"""Figures during training: what perfect and silent models reach."""

import numpy as np
import pytest
from keras import ops

from multiposenet.annotations import CocoAnnotations
from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks.pose_residual_network import compact
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.datasets import synthetic
from multiposenet.training.validation import keypoints, person, prn


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=4, seed=3, people=(1, 1))
    return folder


@pytest.fixture(scope="module")
def annotations(scenes):
    return CocoAnnotations.load(scenes / "annotations.json")


def oracle(records, size, share=1.0):
    """Gives the true maps of one photo after the other."""
    records = iter(records)

    def maps(images):
        record = next(records)
        cells = (images.shape[1] // 4, images.shape[2] // 4)
        scale = size / max(record.width, record.height)
        keypoints = record.keypoints * (scale, scale, 1)
        sigmas = np.full(len(keypoints), 6.0)
        encoded = share * GaussianHeatmaps().encode(keypoints, sigmas, cells)["heatmaps"]
        return np.concatenate([encoded, np.zeros((*cells, 1))], axis=-1)[None].astype("float32")

    return maps


def test_true_maps_reach_everything(scenes, annotations):
    check = keypoints.KeypointValidation(
        oracle(annotations.images, 256), annotations, scenes / "photos", 256
    )
    figures = check()
    assert set(figures) == {"keypoints/AP", "keypoints/AP50"}
    assert figures["keypoints/AP50"] == pytest.approx(1.0) and figures["keypoints/AP"] > 0.9
    check.maps = oracle(annotations.images, 256)
    assert check.figures()["keypoints/PCK"] == pytest.approx(1.0, abs=0.02)


def test_empty_maps_reach_nothing(scenes, annotations):
    silent = oracle(annotations.images, 256, share=0.0)
    check = keypoints.KeypointValidation(silent, annotations, scenes / "photos", 256)
    assert check()["keypoints/AP"] < 0.1
    check.maps = oracle(annotations.images, 256, share=0.0)
    assert check.figures()["keypoints/PCK"] < 0.3


def test_persons_and_assignment_of_an_untrained_model(scenes, annotations):
    check = person.PersonValidation(MultiPoseNet("nano"), annotations, scenes / "photos", 128)
    assert set(check()) == {"boxes/AP", "boxes/AP50"} and 0 <= check()["boxes/AP"] < 0.5
    # One person to a photo: whatever the PRN thinks, the candidates are that person's.
    figures = prn.AssignmentValidation(compact(), annotations)()
    assert figures == {"assignment/AP": 1.0, "assignment/AP50": 1.0}


def test_maps_are_those_of_the_model_and_follow_its_weights(scenes):
    model = MultiPoseNet("nano")
    maps = keypoints.map_function(model)
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype("float32")
    for _ in range(2):
        outputs = model(images)
        found = maps(images)
        assert found.shape == (2, 16, 24, 18)
        expected = ops.convert_to_numpy(outputs["heatmaps"])
        np.testing.assert_allclose(found[..., :-1], expected, atol=1e-5)
        np.testing.assert_allclose(found[..., -1], ops.convert_to_numpy(outputs["mask"]), atol=1e-5)
        for weight in model.keypoint_subnet.trainable_weights:
            weight.assign(0.9 * weight)
