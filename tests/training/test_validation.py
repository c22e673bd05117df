"""Figures during training: what perfect and silent models reach."""

import numpy as np
import pytest
from keras import ops

from multiposenet import heatmaps
from multiposenet.annotations import CocoAnnotations
from multiposenet.networks.pose_residual_network import compact
from multiposenet.systems.architecture import NANO
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import validation
from multiposenet.training.datasets import synthetic


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=4, seed=3, people=(1, 1))
    return folder


@pytest.fixture(scope="module")
def annotations(scenes):
    return CocoAnnotations.load(scenes / "annotations.json")


class Oracle:
    """Gives the true maps of one photo after the other, as logits."""

    architecture = NANO

    def __init__(self, records, size, share=1.0):
        self.records, self.size, self.share = iter(records), size, share

    def backbone(self, images, training):
        return images

    def keypoint_maps(self, images, training):
        record = next(self.records)
        cells = (images.shape[1] // 4, images.shape[2] // 4)
        scale = self.size / max(record.width, record.height)
        keypoints = record.keypoints * (scale, scale, 1)
        maps = heatmaps.encode(keypoints, np.full(len(keypoints), 6.0), cells) * self.share
        maps = np.concatenate([maps, np.zeros((*cells, 1))], axis=-1)[None]
        maps = np.clip(maps, 1e-6, 1 - 1e-6).astype("float32")
        return {"maps": ops.convert_to_tensor(np.log(maps / (1 - maps)))}


def test_true_maps_reach_everything(scenes, annotations):
    check = validation.KeypointValidation(
        Oracle(annotations.images, 256), annotations, scenes / "photos", 256
    )
    figures = check()
    assert set(figures) == {"keypoints/AP", "keypoints/AP50"}
    assert figures["keypoints/AP50"] == pytest.approx(1.0) and figures["keypoints/AP"] > 0.9


def test_empty_maps_reach_nothing(scenes, annotations):
    oracle = Oracle(annotations.images, 256, share=0.0)
    check = validation.KeypointValidation(oracle, annotations, scenes / "photos", 256)
    assert check()["keypoints/AP"] < 0.1


def test_persons_and_assignment_of_an_untrained_model(scenes, annotations):
    check = validation.PersonValidation(MultiPoseNet("nano"), annotations, scenes / "photos", 128)
    assert set(check()) == {"boxes/AP", "boxes/AP50"} and 0 <= check()["boxes/AP"] < 0.5
    # One person to a photo: whatever the PRN thinks, the candidates are that person's.
    figures = validation.AssignmentValidation(compact(), annotations)()
    assert figures == {"assignment/AP": 1.0, "assignment/AP50": 1.0}
