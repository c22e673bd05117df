"""RMPE by name: run folders of training, released files, and what can be wrong with them."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.files import checksums
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.networks.sppe import SPPEArchitecture, inference_model
from multiposenet.runtimes import exported
from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.systems import estimator
from multiposenet.systems.rmpe import load_rmpe
from multiposenet.systems.sppe_files import DEFAULT, load_network
from multiposenet.training import run_folder

SIZES = SPPEArchitecture(image_size=(32, 32), stacks=1, width=8, levels=1)
CROPS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


pytestmark = pytest.mark.usefixtures("quick_hourglass")


def describe(skeleton="lsp_14", **sizes):
    """What `rmpe.json` and a manifest entry say of an SPPE."""
    sizes = dataclasses.asdict(dataclasses.replace(SIZES, **sizes))
    return {"architecture": {"skeleton": skeleton, "architecture": sizes}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_hourglass):
    """A run folder after both stages, and what its two networks make of two crops."""
    sppe = SIZES.single_person(14)
    localisation = SIZES.localisation(sppe)
    kernel, bias = localisation.get_layer("numbers").get_weights()
    localisation.get_layer("numbers").set_weights([kernel, bias + 0.3])  # not the identity
    alone, network = inference_model(sppe), inference_model(sppe, localisation)
    folder = tmp_path_factory.mktemp("trained")
    run_folder.record_architecture(folder / "rmpe.json", run_folder.describe_sppe(LSP_14, SIZES))
    run_folder.save_parts(folder, "sppe", [sppe])
    run_folder.save_parts(folder, "sstn", [sppe, localisation])
    for checksum in folder.glob("*.sha256"):  # tests change files on purpose
        checksum.unlink()
    return folder, heatmaps(alone), heatmaps(network)


@pytest.fixture
def run(trained, tmp_path):
    """A copy, which tests change, and what its networks make of the crops."""
    folder, *found = trained
    return Path(shutil.copytree(folder, tmp_path / "run")), *found


def heatmaps(network):
    return ops.convert_to_numpy(compiled(network)(CROPS)["heatmaps"])


def problem(name):
    with pytest.raises(WeightsError) as caught:
        load_network(name)
    message = str(caught.value)
    assert "\n" not in message and message.count(": ") >= 2 and "; " in message, message
    return message


def test_a_run_after_each_stage(run):
    folder, alone, whole = run
    assert np.abs(alone - whole).max() > 1e-4
    network, skeleton, options = load_network(folder)
    assert skeleton == LSP_14 and options == {"margin": MARGIN}
    np.testing.assert_allclose(heatmaps(network), whole, atol=1e-6)
    (folder / "rmpe.weights.h5").unlink()
    network, _, _ = load_network(str(folder))
    np.testing.assert_allclose(heatmaps(network), alone, atol=1e-6)


@pytest.mark.one_backend
def test_a_skeleton_of_ones_own(run):
    folder, *_ = run
    own = dataclasses.asdict(dataclasses.replace(LSP_14, name="own"))
    (folder / "rmpe.json").write_text(json.dumps(describe(own)))
    assert load_network(folder)[1].name == "own"


@pytest.mark.one_backend
def test_problems_of_a_run(run):
    folder, *_ = run
    (folder / "rmpe.json").write_text(json.dumps(describe(width=16)))
    assert "rmpe.weights.h5: weights: damaged or of another network" in problem(folder)
    (folder / "rmpe.weights.h5").write_bytes(b"x")
    (folder / "rmpe.json").write_text(json.dumps(describe()))
    assert "rmpe.weights.h5: weights: damaged" in problem(folder)
    for content, what in (("{", "file: damaged"), *[(c, "architecture: m") for c in ("[]", "{}")]):
        (folder / "rmpe.json").write_text(content)
        assert f"rmpe.json: {what}" in problem(folder)
    for fields in (describe(levels=8), describe("cats"), {"architecture": {"skeleton": "lsp_14"}}):
        (folder / "rmpe.json").write_text(json.dumps(fields))
        assert "rmpe.json: architecture: not of an SPPE" in problem(folder)
    (folder / "rmpe.json").unlink()
    assert "rmpe.json: file: missing" in problem(folder)
    (folder / "rmpe.json").write_text(json.dumps(describe()))
    for name in ("rmpe", "sppe"):
        (folder / f"{name}.weights.h5").unlink()
    message = problem(folder)
    assert "sppe.weights.h5: file: missing" in message and "train sppe" in message


@pytest.fixture
def release(run, monkeypatch):
    """Enters the run's network into the manifest of an installation of its own."""
    folder, _, whole = run
    path = folder / "rmpe.weights.h5"
    entry = {**describe(), "file": path.name, "sha256": checksums.sha256_of(path), "url": None}

    def release(name="tiny", **fields):
        manifest = {"format": 1, "models": {}, "sppe": {name: {**entry, **fields}}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        zoo._manifest.cache_clear()
        return whole

    monkeypatch.setattr(zoo, "_folder", lambda: folder)
    yield release
    zoo._manifest.cache_clear()


@pytest.mark.one_backend
def test_a_released_sppe(release):
    whole = release(options={"score": 0.2})
    network, skeleton, options = load_network("tiny")
    assert skeleton == LSP_14 and options == {"margin": MARGIN, "score": 0.2}
    np.testing.assert_allclose(heatmaps(network), whole, atol=1e-6)
    message = problem("tinny")
    assert "no folder and no released SPPE, of which there are: tiny" in message
    assert "train sppe" in message and "--sppe RUN" in message


@pytest.mark.one_backend
def test_the_manifest_decides_what_is_loaded_by_default(release):
    release("other")
    assert f"{DEFAULT}: sppe: no folder and no released SPPE" in problem(DEFAULT)
    release(DEFAULT)
    assert load_network()[1] == LSP_14


def test_load_rmpe(run, release, monkeypatch):
    folder, *_ = run
    asked = []
    monkeypatch.setattr(estimator, "load", lambda name, **options: asked.append((name, options)))
    nms = {"sigma1": 0.2, "sigma2": 0.02, "lam": 0.5, "eta": 3.0}
    release(options={"score": 0.2, "pose_nms": nms})
    pose = load_rmpe("tiny")
    assert (pose.score, pose.pose_nms, pose.skeleton) == (
        0.2,
        PoseNMSParameters.from_dict(nms),
        LSP_14,
    )
    assert asked == [("multiposenet-nano", {"score": 0.0})]
    pose = load_rmpe("tiny", "other", image_size=320, score=0.4, pose_nms=None, batch_size=3)
    assert (pose.score, pose.pose_nms, pose.persons.batch_size) == (0.4, None, 3)
    assert asked[1] == ("other", {"score": 0.0, "image_size": 320})

    def nobody(image):
        return [], []

    pose = load_rmpe(folder, detector=nobody)
    assert pose.detector is nobody and pose.pose_nms == PoseNMSParameters() and len(asked) == 2
    assert pose.poses_in(np.zeros((40, 40, 3), np.uint8), [(5, 5, 30, 30)]).skeleton == LSP_14


@pytest.mark.one_backend
def test_boxes_that_overlap_are_proposals(release, monkeypatch):
    """By the SPPE's manifest entry, or the caller; and the model's own NMS otherwise."""

    asked = []
    monkeypatch.setattr(estimator, "load", lambda name, **options: asked.append(options))
    release()
    load_rmpe("tiny")
    release(options={"box_overlap": 0.6})
    load_rmpe("tiny")
    load_rmpe("tiny", box_overlap=0.7)
    assert [options.get("nms_iou") for options in asked] == [None, 0.6, 0.7]


def test_overlap_of_an_exported_detector(release, tmp_path, monkeypatch):
    """Part of the file: the same value is fine, another one is named."""
    path = tmp_path / "poses.onnx"
    model = ExportedModel(None, COCO_17, None, {"score": 0.2, "nms_iou": 0.6}, "onnx", path)
    monkeypatch.setattr(exported, "load", lambda path, runtime, *_: model)
    release(options={"box_overlap": 0.6})
    detector = load_rmpe("tiny", path).detector
    assert detector.model is model and detector.score == 0
    with pytest.raises(InputError, match=r"poses.onnx: nms_iou: is 0.6 in this file, 0.7") as e:
        load_rmpe("tiny", path, box_overlap=0.7)
    assert "\n" not in str(e.value) and "--set nms_iou=0.7" in str(e.value)
    model.options.pop("nms_iou")
    with pytest.raises(InputError, match=r"poses.onnx: nms_iou: is fixed in this file, 0.6"):
        load_rmpe("tiny", path)
