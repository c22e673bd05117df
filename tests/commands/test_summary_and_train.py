"""summary and train: parameters per block; arguments and recipe fields."""

import json

import pytest
from command_line import assert_one_line

from multiposenet.training import registry


def test_summary_counts_every_block(multiposenet):
    status, text, _ = multiposenet("summary", "--model", "multiposenet-r50", "--json", "-")
    assert status == 0
    summary = json.loads(text)
    blocks = {row["block"]: row["parameters"] for row in summary["blocks"]}
    assert list(blocks)[-1] == "PRN" and len(blocks) == 6
    cells = 56 * 36 * 17
    assert blocks["PRN"] == cells * 1024 + 1024 + 1024 * cells + cells
    assert blocks["backbone"] == 23_587_712  # ResNet-50 without its classifier
    assert summary["total"]["parameters"] == sum(blocks.values())


def test_summary_table(multiposenet):
    status, text, _ = multiposenet("summary")
    assert status == 0
    for word in ("backbone", "person subnet", "PRN", "total"):
        assert word in text


@pytest.fixture
def trained(monkeypatch):
    """What the command asks the training code for, which does nothing."""
    from multiposenet.training import pipeline

    calls = []

    def train(stage, samples, run, recipe, **options):
        calls.append({"stage": stage, "samples": samples, "run": run, "recipe": recipe, **options})
        return [run / "prn.weights.h5"]

    monkeypatch.setattr(pipeline, "train", train)
    return calls


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    from multiposenet.training.datasets import synthetic

    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=3, seed=1)
    return folder


def test_train_passes_its_arguments_on(multiposenet, tmp_path, scenes, trained):
    run = tmp_path / "run"
    options = ["--set", "epochs=7", "learning_rate=1", "--resume", "--json", "-"]
    data = f"coco:{scenes}"
    status, text, _ = multiposenet("train", "prn", "--data", data, data, "--run", run, *options)
    assert status == 0
    assert json.loads(text) == {"stage": "prn", "files": [str(run / "prn.weights.h5")]}
    (call,) = trained
    assert (call["stage"], call["run"], call["resume"]) == ("prn", run, True)
    assert (call["recipe"].epochs, call["recipe"].learning_rate) == (7, 1.0)
    assert len(call["samples"]) == 6 and call["skeleton"].name == "coco_17"
    assert call["val_annotations"] is None and call["devices"] == 1


def test_train_on_annotations_of_ones_own(multiposenet, tmp_path, scenes, trained):
    own = ["--annotations", scenes / "annotations.json", "--images", scenes / "photos"]
    checked = ["--val-annotations", scenes / "annotations.json", "--val-images", scenes / "photos"]
    options = ["--recipe", "paper", "--devices", 2, "--workers", 3]
    status, _, _ = multiposenet("train", "person", *own, *checked, *options, "--run", tmp_path)
    assert status == 0
    (call,) = trained
    assert call["recipe"].backbone == "resnet50"
    assert (call["devices"], call["workers"]) == (2, 3)
    assert [s.path.parent for s in call["samples"]] == [scenes / "photos"] * 3
    assert len(call["val_annotations"].images) == 3 and call["val_images"] == str(scenes / "photos")


def test_the_prn_needs_no_photos(multiposenet, tmp_path, scenes, trained):
    own = ["--annotations", scenes / "annotations.json"]
    assert multiposenet("train", "prn", *own, "--run", tmp_path)[0] == 0
    assert len(trained) == 1


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["prn"], "--data: missing"),
        (["person", "--annotations", "a.json"], "--images: missing"),
        (["person", "--data", "coco:x", "--images", "x"], "without --annotations"),
        (["person", "--data", "coco:x", "--val-annotations", "x"], "--val-images: missing"),
        (["prn", "--data", "coco:x", "--devices", "0"], "--devices: 0"),
        (["prn", "--data", "coco:x", "--workers", "-1"], "--workers: -1"),
        (["prn", "--data", "coco:x", "--augment", "a.json"], "prn: --augment: not of this stage"),
        (["keypoints", "--data", "{scenes}", "--augment", "no.json"], "no.json: file: No such"),
        (["prn", "--data", "coco:x", "--detections", "x"], "prn: --detections: not of this stage"),
        (["prn", "--data", "coco:x", "--recipe", "nano-gpu"], "--recipe: no nano-gpu for this"),
        (["keypoints", "--data", "coco:x", "--set", "pretrained='no_run'"], "folder of a run"),
        (["prn", "--data", "coco:x", "--set", "epoch=7"], "--set: epoch: the recipe has no such"),
        (["prn", "--data", "nowhere"], "nowhere"),
        (["prn", "--data", "coco:no_such_folder"], "no_such_folder"),
    ],
)
def test_train_with_wrong_arguments(arguments, problem, multiposenet, tmp_path, scenes):
    arguments = [argument.replace("{scenes}", f"coco:{scenes}") for argument in arguments]
    status, _, errors = multiposenet("train", *arguments, "--run", tmp_path / "run")
    assert status == 2
    assert_one_line(errors, problem)


def test_train_takes_augmentation_of_ones_own(multiposenet, tmp_path, scenes, trained):
    albumentations = pytest.importorskip("albumentations")
    albumentations.save(albumentations.VerticalFlip(p=0.25), tmp_path / "augment.json")
    options = ["--data", f"coco:{scenes}", "--augment", tmp_path / "augment.json"]
    assert multiposenet("train", "keypoints", *options, "--run", tmp_path / "run")[0] == 0
    (call,) = trained
    assert "VerticalFlip" in call["augment"].description
    assert len(call["augment"].flip_indices) == 17


def test_every_entry_of_the_registry_leads_somewhere():
    for stage in registry.STAGES.values():
        assert callable(stage.load().train_stage)
        assert all(stage.recipe(name)().seed >= 0 for name in stage.recipes)
        assert stage.after is None or stage.after in registry.STAGES
    files = [file for stage in registry.STAGES.values() for file in stage.files]
    assert len(set(files)) == len(files)
