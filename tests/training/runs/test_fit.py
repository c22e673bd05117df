"""`multiposenet.fit`: what it asks of the stages, its errors, and a thing of five keypoints."""

import json

import keras
import kites
import numpy as np
import pytest

import multiposenet
from multiposenet.errors import InputError
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.training import pipeline, registry
from multiposenet.training.runs import fit as module
from multiposenet.training.runs import plan

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kites") / "own"
    kites.write(folder, photos=2)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """What it asks of each stage, which leaves its files; nothing is loaded."""
    calls = []

    def train(stage, samples, run, recipe, **options):
        calls.append({"stage": stage, "samples": samples, "recipe": recipe, **options})
        for file in registry.STAGES[stage].files:
            (run / file).touch()
        return [run / file for file in registry.STAGES[stage].files]

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(module, "load", lambda run: run)
    return calls


@pytest.mark.slow
def test_a_thing_of_five_keypoints_from_labels_to_poses(data, tmp_path):
    """All stages, measured and told to a callback; the model has the file's keypoints and pairs."""
    told = []
    told_epochs = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: told.append(next(n for n in logs if n.startswith("val_")))
    )
    small = {
        "backbone": "nano", "pretrained": "none", "frozen": "none", "batch_size": 2, "steps": 1,
        "prn.epochs": 1, "patch_sizes": [(0.0, 64)], "person.patch_size": 128,
        "validation_size": 64, "recolour": False,
    }  # fmt: skip
    pose = multiposenet.fit(
        data / "annotations.json",
        images=data / "photos",
        val=f"coco:{data}",
        start=None,
        run=tmp_path / "run",
        settings=small,
        callbacks=[told_epochs],
    )
    assert told == ["val_keypoints/AP", "val_boxes/AP", "val_assignment/AP"]
    assert pose.skeleton.keypoints == kites.KEYPOINTS and pose.skeleton.name == "kite"
    assert pose.skeleton.flip_indices.tolist() == [0, 2, 1, 3, 4]
    people = pose(data / "photos" / "1.png", score=0.0)
    assert people.keypoints.shape[1:] == (5, 2) and len(people) > 0
    assert np.isfinite(people.scores).all()
    stages, path = [registry.STAGES["prn"]], data / "annotations.json"
    labels = plan.read(stages, tmp_path / "none", val=path).validation
    figures = evaluate_keypoints(labels, people.to_coco(1, labels.category_id))
    assert 0 <= figures["keypoints/AP"] <= 1
    with pytest.raises(InputError, match="the keypoints stage of this run is finished"):
        multiposenet.fit(f"coco:{data}", start=None, run=tmp_path / "run", settings=small)


def test_what_the_stages_are_asked(data, tmp_path, trained):
    done = multiposenet.fit(
        [f"coco:{data}"],
        start="multiposenet-lite0",
        val=data / "annotations.json",
        val_images=data / "photos",
        run=tmp_path / "run",
        settings={"steps": 7, "prn.epochs": 3},
        freeze=["backbone", "keypoint_subnet/d5*", "person_pyramid"],
        patience=2,
    )
    assert done == tmp_path / "run"
    keypoints, person, prn = (call["recipe"] for call in trained)
    assert [call["stage"] for call in trained] == ["keypoints", "person", "prn"]
    assert (keypoints.steps, person.steps, prn.epochs) == (7, 7, 3)
    assert {recipe.backbone for recipe in (keypoints, person, prn)} == {"efficientnet_lite0"}
    assert keypoints.pretrained == person.pretrained == "multiposenet-lite0"
    assert keypoints.frozen_layers == ("backbone", "keypoint_subnet/d5*")
    assert person.frozen_layers == ("person_pyramid",) and keypoints.patience == 2
    assert trained[0]["skeleton"].keypoints == kites.KEYPOINTS
    assert len(trained[0]["samples"]) == 2 and trained[0]["val_images"] == data / "photos"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": "data.json"}, "data.json: images: missing"),
        ({"data": []}, "data: nothing is given"),
        ({"images": "photos"}, "images: photos: of no COCO file"),
        ({"data": "own"}, "own: data: not FORMAT:FOLDER"),
        ({"start": "no-such"}, "no-such: start: neither a model nor a run's folder"),
        ({"recipe": "large"}, "recipe: unknown name 'large'; use one of: nano"),
        ({"settings": {"speed": 3}}, "settings: speed: no recipe has such a field"),
        ({"settings": {"steps": "many"}}, "settings: steps: 'many' is no int"),
        ({"freeze": ["neck"]}, "freeze: 'neck': is of none of the parts backbone, keypoint_pyr"),
        ({"patience": 3}, "patience: nothing is measured; give val"),
        ({"val_images": "photos"}, "val_images: photos: without val"),
        ({"val": "val.json"}, "val.json: val_images: missing"),
        ({"callbacks": [json]}, "callbacks: <module 'json'"),
    ],
)
def test_one_line_errors(data, tmp_path, trained, arguments, message):
    arguments = {"data": f"coco:{data}", "run": tmp_path / "run"} | arguments
    with pytest.raises(InputError) as error:
        multiposenet.fit(arguments.pop("data"), **arguments)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert trained == []
