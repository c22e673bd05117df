"""train with keypoints of one's own, from its data, a file or the run; several stages; the help."""

import json

import pytest
from command_line import assert_one_line

from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.systems import architecture_files
from multiposenet.training import registry

DOLL = Skeleton.from_dict(
    {"name": "doll", "keypoints": ["Kopf", "left_tip", "right_tip"], "sigmas": [0.05] * 3}
)


@pytest.fixture
def trained(monkeypatch):
    """What the command asks the training code for, which leaves the files of its stages."""
    from multiposenet.training import pipeline

    calls = []

    def train(stage, samples, run, recipe, **options):
        calls.append({"stage": stage, "samples": samples, "recipe": recipe, **options})
        files = [run / file for file in registry.STAGES[stage].files]
        for file in files:
            file.touch()
        return files

    monkeypatch.setattr(pipeline, "train", train)
    return calls


def folder(path, names=DOLL.keypoints):
    """A folder of the coco layout, of one photo of one person."""
    path.mkdir()
    category = {"id": 1, "name": "doll", **({"keypoints": list(names)} if names else {})}
    person = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [1, 1, 30, 30],
        "keypoints": [3, 4, 2, 5, 6, 2, 7, 8, 1],
    }
    image = {"id": 1, "file_name": "1.jpg", "width": 64, "height": 64}
    content = {"images": [image], "annotations": [person], "categories": [category]}
    (path / "annotations.json").write_text(json.dumps(content))
    return path


@pytest.fixture
def own(tmp_path):
    return folder(tmp_path / "own")


@pytest.fixture
def doll(tmp_path):
    DOLL.to_yaml(tmp_path / "doll.yaml")
    return tmp_path / "doll.yaml"


def test_the_data_say_which_keypoints(multiposenet, tmp_path, own, trained):
    status, text, _ = multiposenet("train", "prn", "--data", f"coco:{own}", "--run", tmp_path / "r")
    assert status == 0
    (call,) = trained
    assert call["skeleton"].keypoints == DOLL.keypoints
    assert call["samples"][0].labelled.all()
    assert f"keypoints: 3, doll (Kopf, left_tip, right_tip), of coco:{own}" in text


def test_a_skeleton_is_for_reading_too(multiposenet, tmp_path, own, doll, trained):
    unnamed = folder(tmp_path / "unnamed", names=None)
    for data in (own, unnamed):
        options = ["--data", f"coco:{data}", "--skeleton", doll, "--run", tmp_path / "r"]
        assert multiposenet("train", "prn", *options)[0] == 0
        given = ["--annotations", data / "annotations.json", "--skeleton", doll]
        assert multiposenet("train", "prn", *given, "--run", tmp_path / "s")[0] == 0
    assert all(call["skeleton"] == DOLL for call in trained) and len(trained) == 4
    assert all(call["samples"][0].labelled.all() for call in trained)


def test_a_run_keeps_its_keypoints(multiposenet, tmp_path, own, trained):
    """With their sigmas, though the file of the labels knows none."""
    run = tmp_path / "run"
    run.mkdir()
    skeleton = DOLL.__dict__ | {"limbs": [], "sigmas": [0.05] * 3}
    architecture_files.write(run / "model.json", {"backbone": "nano", "skeleton": skeleton})
    assert multiposenet("train", "prn", "--data", f"coco:{own}", "--run", run)[0] == 0
    assert trained[0]["skeleton"] == DOLL


def test_data_without_any_of_these_keypoints_are_named(multiposenet, tmp_path, own, trained):
    options = ["--data", f"coco:{own}", "--skeleton", "coco_17", "--run", tmp_path / "r"]
    status, _, errors = multiposenet("train", "prn", *options)
    assert status == 0 and trained[0]["skeleton"] == COCO_17
    assert_one_line(errors, "note: ", "none of its own (Kopf, left_tip, right_tip)")


def test_sigmas_that_nobody_knows_are_named(multiposenet, tmp_path, own, doll, trained):
    options = ["--data", f"coco:{own}", "--val-annotations", own / "annotations.json"]
    options += ["--val-images", own]
    _, _, errors = multiposenet("train", "prn", *options, "--run", tmp_path / "r")
    assert_one_line(errors, "note: sigmas: of Kopf, left_tip, right_tip nothing is known")
    run = ["--run", tmp_path / "s"]
    assert multiposenet("train", "prn", *options, "--skeleton", doll, *run)[2] == []
    assert trained[1]["val_annotations"].skeleton == DOLL


def test_all_stages_one_after_the_other(multiposenet, tmp_path, own, trained):
    options = ["--data", f"coco:{own}", "--run", tmp_path / "r"]
    changes = ["--set", "steps=7", "prn.epochs=3", "seed=5"]
    status, text, _ = multiposenet("train", "all", *options, *changes, "--recipe", "small")
    assert status == 0
    assert [call["stage"] for call in trained] == ["keypoints", "person", "prn"]
    first, second, third = (call["recipe"] for call in trained)
    assert (first.steps, second.steps, third.epochs) == (7, 7, 3)
    assert {recipe.seed for recipe in (first, second, third)} == {5}
    assert {recipe.pretrained for recipe in (first, second, third)} == {"multiposenet-nano"}
    assert {recipe.backbone for recipe in (first, second, third)} == {"movenet_multipose"}
    status, _, errors = multiposenet("train", "all", *options)
    assert status == 2
    assert_one_line(errors, "the keypoints stage of this run is finished")
    (tmp_path / "r" / "prn.weights.h5").unlink()
    assert multiposenet("train", "all", *options, "--resume", "--json", "-")[0] == 0
    assert [call["stage"] for call in trained[3:]] == ["prn"]
    assert multiposenet("train", "all", *options, "--resume")[0] == 0 and len(trained) == 4


def test_a_recipe_that_not_all_stages_have(multiposenet, tmp_path, own, trained):
    options = ["--data", f"coco:{own}", "--recipe", "movenet", "--run", tmp_path / "r"]
    assert multiposenet("train", "all", *options)[0] == 0
    assert {call["recipe"].backbone for call in trained} == {"movenet_multipose"}


def test_a_field_that_no_recipe_has(multiposenet, tmp_path, own):
    options = ["--data", f"coco:{own}", "--run", tmp_path / "r", "--set", "prn.steps=3"]
    status, _, errors = multiposenet("train", "all", *options)
    assert status == 2
    assert_one_line(errors, "--set: prn.steps: no recipe has such a field; use one of: keypoints.")


@pytest.mark.parametrize("stage", ["keypoints", "all"])
def test_help_of_a_stage_has_the_fields_of_its_recipes(stage, capsys):
    from multiposenet import cli

    with pytest.raises(SystemExit) as end:
        cli.main(["train", stage, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and "usage: multiposenet train" in text
    assert "fields of the recipes of keypoints" in text and "patch_sizes" in text
    assert ("coarse_epochs" in text) == (stage == "all")
