"""predict and evaluate with --system rmpe: its options, and errors where something is missing."""

import json

import keras
import numpy as np
import pytest
from command_line import assert_one_line, names, paint
from fake_model import CORNERS
from keras import layers

from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.runtimes import export_cache
from multiposenet.systems import estimator, rmpe
from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS
from multiposenet.systems.sppe_files import SPPEFile


@pytest.fixture
def fake_sppe(monkeypatch, fake_model):
    """An SPPE that takes the mean colour of 4 x 4 pixels for the maps of its three keypoints. The
    fixture is the list of the names it was loaded by."""
    loaded = []

    class File(SPPEFile):
        margin = 0.2

        def network(self):
            images = keras.Input((32, 32, 3))
            return keras.Model(images, {"heatmaps": layers.AveragePooling2D(4)(images) / 255})

    def find(name):
        loaded.append(name)
        return File("file", {}, name, CORNERS, {})

    monkeypatch.setattr(SPPEFile, "find", find)
    monkeypatch.setattr(export_cache, "opened", lambda *arguments: None)
    return loaded


@pytest.fixture
def made(monkeypatch):
    """Every RMPE that a command makes."""
    found, load = [], rmpe.load_rmpe

    def load_rmpe(**options):
        found.append(load(**options))
        return found[-1]

    monkeypatch.setattr(rmpe, "load_rmpe", load_rmpe)
    return found


def test_predict(multiposenet, fake_sppe, fake_model, made, tmp_path):
    photo, out = paint(tmp_path / "a.png"), tmp_path / "out"
    options = ["--system", "rmpe", "--sppe", "mine", "--model", "other", "--size", "256"]
    status, text, errors = multiposenet("predict", photo, "--out", out, "--score", "0", *options)
    assert (status, errors) == (0, [])
    assert "photos: 1, people: 2;" in text and "a.png" in names(out)
    assert fake_sppe == ["mine"]
    assert fake_model == [("other", {"score": 0.0, "image_size": 256})]
    red, blue = json.loads((out / "poses.json").read_text())
    np.testing.assert_allclose(red["bbox"], [20, 24, 32, 80], atol=0.5)
    np.testing.assert_allclose(blue["bbox"], [60, 40, 32, 32], atol=0.5)
    for person in (red, blue):  # not the detector's pose scores 0.81 and 0.25
        mean = np.mean(person["keypoints"][2::3])
        assert person["score"] == pytest.approx(np.sqrt(person["box_score"] * mean), abs=1e-5)
    assert made[0].score == 0 and made[0].pose_nms == PoseNMSParameters()


def test_pose_nms(multiposenet, fake_sppe, made, tmp_path):
    photo, learnt = paint(tmp_path / "a.png"), tmp_path / "nms.json"
    command = ["predict", photo, "--out", tmp_path / "out", "--system", "rmpe", "--pose-nms"]
    learnt.write_text('{"sigma1": 0.1, "sigma2": 0.2, "distance_weight": 0.3, "eta": 0.4}')
    assert multiposenet(*command, learnt)[0] == 0
    assert multiposenet(*command, "none")[0] == 0
    assert [pose.pose_nms for pose in made] == [PoseNMSParameters(0.1, 0.2, 0.3, 0.4), None]
    made.clear()
    assert multiposenet(*command, "oks")[0] == multiposenet(*command, "soft-oks")[0] == 0
    assert [pose.pose_nms for pose in made] == [OKSNMS(), SoftOKSNMS()]
    learnt.write_text("{}")
    status, _, errors = multiposenet(*command, learnt)
    assert status == 2
    assert_one_line(errors, learnt)


def test_evaluate(multiposenet, fake_sppe, made, tmp_path):
    paint(tmp_path / "photos" / "a.png")
    command = ["evaluate", "--images", tmp_path / "photos", "--system", "rmpe", "--score", "0"]
    status, text, errors = multiposenet(*command, "--json", "-")
    assert (status, errors) == (0, [])
    figures = json.loads(text)
    assert figures["system"] == "rmpe" and figures["people_per_photo"] == 2


def test_without_weights(multiposenet, fake_model, tmp_path):
    photo, out = paint(tmp_path / "a.png"), tmp_path / "out"
    command = ["predict", photo, "--out", out, "--system", "rmpe", "--sppe"]
    status, text, errors = multiposenet(*command, "nobodys")
    assert (status, text) == (2, "")
    assert_one_line(errors, "nobodys: sppe: no folder", "train sppe", "--sppe RUN")
    (tmp_path / "empty").mkdir()
    status, _, errors = multiposenet(*command, tmp_path / "empty")
    assert status == 2
    assert_one_line(errors, tmp_path / "empty" / "rmpe.json", "missing", "train sppe")
    assert names(out) == []


def test_box_overlap(multiposenet, fake_sppe, made, tmp_path, monkeypatch):
    photo = paint(tmp_path / "a.png")
    command = ["predict", photo, "--out", tmp_path / "out", "--system", "rmpe"]
    asked = []
    monkeypatch.setattr(estimator, "load", lambda name, score, **options: asked.append(options))
    with pytest.raises(ValueError, match="detector: none"):
        multiposenet(*command, "--box-overlap", "0.6", "--size", "256")
    assert asked == [{"runtime": "auto", "nms_iou": 0.6, "image_size": 256}]


@pytest.mark.parametrize("option", ["--sppe", "--box-overlap"])
def test_options_of_rmpe_without_it(option, multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    status, _, errors = multiposenet("predict", photo, "--out", tmp_path / "out", option, "0.5")
    assert status == 2 and fake_model == []
    assert_one_line(errors, option, "--system rmpe")


def test_options_of_the_other_system(multiposenet, fake_sppe, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    command = ["predict", photo, "--out", tmp_path / "out", "--set", "enlarge=1.5"]
    status, _, errors = multiposenet(*command, "--system", "rmpe")
    assert status == 2 and fake_model == []
    assert_one_line(errors, "--set", "--system multiposenet")
    assert multiposenet(*command, "--set", "image_size=256")[0] == 0
    assert fake_model == [("multiposenet-nano", {"enlarge": 1.5, "image_size": 256})]


def test_bench(multiposenet, fake_sppe):
    options = ["--system", "rmpe", "--size", "64x64", "--people", "1,2", "--rounds", "1"]
    status, text, errors = multiposenet("bench", *options, "--json", "-")
    assert (status, errors) == (0, [])
    content = json.loads(text)
    assert content["system"] == "rmpe" and [row["people"] for row in content["rows"]] == [1, 2]
    assert all(row["fps"] > 0 and row["network_ms"] is None for row in content["rows"])


def test_an_exported_sppe_finds_the_same(
    multiposenet, fake_sppe, fake_model, made, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    load = estimator.load  # of a model without NMS
    monkeypatch.setattr(estimator, "load", lambda name, nms_iou, **options: load(name, **options))
    photo, file = paint(tmp_path / "a.png"), tmp_path / "a.onnx"
    system = ("--system", "rmpe")
    learnt = json.dumps({"sigma1": 0.2, "sigma2": 0.02, "distance_weight": 0.5, "eta": 9.0})
    (tmp_path / "nms.json").write_text(learnt)
    given = ("--pose-nms", tmp_path / "nms.json", "--box-overlap", "0.7")
    export = ("export", "--format", "onnx", "--out", file, "--photos", photo)
    assert multiposenet(*export, *system, *given)[0] == 0
    found = []
    for out, more in (("keras", given), ("exported", ("--sppe", file))):
        command = ("predict", photo, "--out", tmp_path / out, "--score", "0", *system, *more)
        assert multiposenet(*command)[0] == 0
        found.append(json.loads((tmp_path / out / "poses.json").read_text()))
    assert len(found[0]) == len(found[1]) == 2
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], atol=0.05)
    *_, exported = made  # what was learnt goes with the file
    assert exported.pose_nms == PoseNMSParameters.from_dict(json.loads(learnt))
    assert (exported.box_overlap, exported.persons.margin) == (0.7, 0.2)
