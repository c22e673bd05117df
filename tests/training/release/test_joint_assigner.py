"""The release of a joint assigner: weights from labels alone, found again by a second run."""

import dataclasses

import numpy as np
import pytest

from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.training.datasets import synthetic
from multiposenet.training.recipes.joint_assigner import NanoJointAssigner
from multiposenet.training.release import joint_assigner

pytestmark = pytest.mark.usefixtures("eagerly")


def test_weights_from_labels_alone(tmp_path):
    synthetic.write(tmp_path / "data", photos=4, seed=1, people=(2, 3))
    labels, run = tmp_path / "data" / "annotations.json", tmp_path / "run"
    recipe = dataclasses.replace(NanoJointAssigner(), epochs=1, precision="float32")
    path = joint_assigner.main(labels, run, recipe)
    assert path == run / "joint-assigner.weights.h5"
    trained, again = JointAssigner(), JointAssigner()
    new = trained.get_weights()
    trained.load_weights(path)
    assert any((a != b).any() for a, b in zip(new, trained.get_weights(), strict=True))
    # Nothing is left to train: the checkpoint's weights are written once more.
    again.load_weights(joint_assigner.main(labels, run, recipe))
    for first, second in zip(trained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
