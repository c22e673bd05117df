"""export: a file and what it differs by; --runtime where it cannot be had."""

import json

import keras
import numpy as np
import pytest
from command_line import assert_one_line, names, paint

from multiposenet.commands import export as command
from multiposenet.estimator import Estimator
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet


@pytest.fixture
def tiny(monkeypatch):
    """A random model that takes everything for a person."""
    keras.utils.set_random_seed(0)
    sizes = Architecture(
        pyramid_channels=8, keypoint_channels=8, head_channels=8, person_depth=1, prn_nodes=4,
        prn_stride=2, sigmoid=True,
    )  # fmt: skip
    model = MultiPoseNet("nano", architecture=sizes, max_people=3)
    model.person_subnet.get_layer("logits").bias.assign(np.full(9, 2.0, "float32"))
    pose = Estimator(model, image_size=64, score=0.01)
    monkeypatch.setattr(command, "load_estimator", lambda name, batch_size: pose)
    return pose


def test_a_file_and_its_comparison(multiposenet, tiny, tmp_path):
    pytest.importorskip("openvino")
    photo, file = paint(tmp_path / "in" / "a.png"), tmp_path / "out" / "tiny.xml"
    options = ("--format", "openvino", "--out", file, "--photos", photo, "--json", "-")
    status, text, errors = multiposenet("export", *options)
    assert status == 0 and errors == []
    result = json.loads(text)
    assert result["photos"] == 1 and result["poses"] == 3 and result["pixels"] <= 0.05
    assert names(file.parent) == ["tiny.bin", "tiny.xml", "tiny.xml.json"]
    status, text, errors = multiposenet(
        "predict", photo, "--model", file, "--out", tmp_path / "drawn"
    )
    assert status == 0 and "people: 3" in text


def test_nothing_to_compare_on(multiposenet, tiny, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    out = tmp_path / "out" / "tiny"
    options = ("--format", "saved_model", "--out", out, "--photos", tmp_path / "a.png")
    status, _, errors = multiposenet("export", *options)
    assert status == 2
    assert_one_line(errors, "--photos: none can be read")


def test_rmpe_runs_in_keras_alone(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    options = ("--system", "rmpe", "--runtime", "openvino", "--out", tmp_path / "out")
    status, _, errors = multiposenet("predict", photo, *options)
    assert status == 2 and fake_model == []
    assert_one_line(errors, "--runtime: openvino does not run RMPE")
