"""The release of an SPPE: half precision, a manifest entry from which RMPE is loaded again."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet import zoo
from multiposenet.files import checksums
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.systems import rmpe
from multiposenet.systems.sppe_files import load_network
from multiposenet.training import run_folder
from multiposenet.training.release import sppe_nano

TINY = SPPEArchitecture((64, 48), stacks=1, levels=2, width=8)
LEARNT = PoseNMSParameters(0.2, 0.02, 0.5, 3.0)


@pytest.fixture
def run(tmp_path):
    """A function that makes a run of the first stage, or of both, with weights unlike new ones."""

    def make(whole):
        keras.utils.set_random_seed(3)
        folder = tmp_path / "run"
        folder.mkdir()
        run_folder.record_architecture(
            folder / "rmpe.json", run_folder.describe_sppe(COCO_17, TINY)
        )
        sppe = TINY.single_person(17)
        networks = sppe, TINY.localisation(sppe)
        rng = np.random.default_rng(0)
        for network in networks:
            for weight in network.weights:
                weight.assign(weight + rng.uniform(0.01, 0.1, weight.shape))
        run_folder.save_parts(folder, "sppe", networks[:1])
        if whole:
            run_folder.save_parts(folder, "sstn", networks)
        return folder

    return make


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_released_is_what_was_trained(run, whole, tmp_path, monkeypatch):
    folder, out = run(whole), tmp_path / "weights"
    path = sppe_nano.release(folder, out, pose_nms=LEARNT, score=0.25, metadata={"data": "x"})
    assert path == out / "sppe-nano.weights.h5"
    entry = json.loads((out / "manifest.json").read_text())["sppe"]["sppe-nano"]
    assert entry["sha256"] == checksums.sha256_of(path) and entry["bytes"] == path.stat().st_size
    assert entry["card"] == "cards/sppe-nano.md" and entry["data"] == "x"
    monkeypatch.setattr(zoo, "_folder", lambda: out)
    zoo._manifest.cache_clear()
    try:
        network, skeleton, _ = load_network("sppe-nano")
        pose = rmpe.load_rmpe("sppe-nano", detector=lambda image: ([], []))
    finally:
        zoo._manifest.cache_clear()
    assert skeleton == COCO_17 and (pose.pose_nms, pose.score) == (LEARNT, 0.25)
    images = np.random.default_rng(1).uniform(0, 255, (2, 64, 48, 3)).astype("float32")
    trained = load_network(folder)[0]
    before, after = (ops.convert_to_numpy(one(images)["heatmaps"]) for one in (trained, network))
    np.testing.assert_allclose(after, before, atol=0.01 * np.abs(before).max())
    assert len(network.weights) == len(trained.weights)


def test_command(run, tmp_path, capsys):
    learnt = tmp_path / "nms.json"
    learnt.write_text(json.dumps(vars(LEARNT)))
    out = tmp_path / "weights"
    arguments = ["--out", str(out), "--pose-nms", str(learnt), "--name", "mine"]
    arguments += ["--metrics", '{"keypoints/AP": 0.2}']
    assert sppe_nano.main([str(run(True)), *arguments]) == 0
    entry = json.loads((out / "manifest.json").read_text())["sppe"]["mine"]
    assert entry["options"] == {"pose_nms": vars(LEARNT)}
    assert entry["metrics"] == {"keypoints/AP": 0.2} and {"recipe", "licence"} <= entry.keys()
    assert sppe_nano.main([str(tmp_path / "none"), *arguments]) == 2
    assert "rmpe.json: file: missing" in capsys.readouterr().err
