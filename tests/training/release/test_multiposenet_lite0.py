"""The one command behind the bundled model: all stages, each once, and a file that loads."""

import json
import shutil

import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.files import checksums
from multiposenet.skeleton import LSP_14
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.datasets import synthetic
from multiposenet.training.registry import of_system
from multiposenet.training.release import multiposenet_lite0

TINY = {"backbone": "nano", "batch_size": 8, "warmup": 1, "precision": "float32"}
PLANS = {
    "keypoints": recipes.NanoKeypoints(
        steps=1,
        patch_sizes=((0.0, 64),),
        mosaics=1,
        pretrained="none",
        frozen="none",
        **TINY,
    ),
    "person": (
        recipes.NanoPerson(steps=1, patch_size=64, **TINY),
        recipes.NanoPerson(steps=1, patch_size=64, learning_rate=1e-9, **TINY),
    ),
    "prn": recipes.NanoPRN(epochs=1, **TINY),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("train", "no_keypoints"):
        synthetic.write(folder / "coco_photos" / name, photos=2, seed=1, people=(2, 3))
    synthetic.write(
        folder / "lsp_extended" / "train", photos=4, seed=2, skeleton=LSP_14, people=(1, 1)
    )
    synthetic.write(folder / "ccp_person_masks", photos=1, seed=3, people=(1, 1))
    labels = folder / multiposenet_lite0.LABELS
    labels.parent.mkdir()
    shutil.copy(folder / "coco_photos" / "train" / "annotations.json", labels)
    return folder


@pytest.mark.usefixtures("eagerly")
def test_each_stage_runs_once_and_the_result_loads(data, tmp_path, monkeypatch):
    trained = []

    def train(stage, *args, **options):
        if stage == "prn" and "prn" not in trained:
            trained.append(stage)
            raise KeyboardInterrupt  # killed in its last stage
        trained.append(stage)
        return original(stage, *args, **options)

    original = pipeline.train
    monkeypatch.setattr(pipeline, "train", train)
    with pytest.raises(KeyboardInterrupt):
        multiposenet_lite0.main(data, tmp_path / "run", plans=PLANS)
    path = multiposenet_lite0.main(data, tmp_path / "run", plans=PLANS)
    assert trained == ["keypoints", "person", "person", "prn", "prn"]
    rounds = [MultiPoseNet("nano") for _ in range(2)]
    for model, folder in zip(rounds, (tmp_path / "run" / "first", tmp_path / "run"), strict=True):
        run_folder.load_parts(model, folder, "person")
    kernels = [model.person_subnet.trainable_weights for model in rounds]
    for first, second in zip(*kernels, strict=True):  # the second round went on from the first
        np.testing.assert_allclose(first, second, atol=1e-6)
    entry = json.loads((path.parent / "manifest.json").read_text())["models"]["multiposenet-lite0"]
    assert entry["sha256"] == checksums.sha256_of(path)
    MultiPoseNet.from_config(entry["architecture"]).load_weights(path)


def test_every_stage_has_the_data_of_the_card():
    assert (
        set(multiposenet_lite0.PHOTOS) | {"prn"}
        == {stage.name for stage in of_system("multiposenet")}
        == set(multiposenet_lite0.PLANS)
    )
    folders = {name for names in multiposenet_lite0.PHOTOS.values() for name in names}
    assert not any("test" in folder or "no_person" in folder for folder in folders)


def test_missing_data_is_named(tmp_path):
    with pytest.raises(InputError, match="coco_photos"):
        multiposenet_lite0.main(tmp_path, tmp_path / "run", plans=PLANS)
