"""What the mask of the bundled ``multiposenet-nano`` is learnt from."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from keras import ops

from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17
from multiposenet.sources import read_image, sample_photo
from multiposenet.training import recipes, run_folder
from multiposenet.training.datasets import synthetic
from multiposenet.training.registry import STAGES
from multiposenet.training.release import multiposenet_lite0, multiposenet_nano


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    names = ("coco_photos/train", "coco_photos/no_keypoints", "coco_photos_more")
    for seed, name in enumerate(names):
        synthetic.write(folder / name, photos=2, seed=seed, size=(96, 128), people=(2, 3))
    for name in ("lsp_extended/train", "ccp_person_masks", "human_segmentation"):
        synthetic.write(folder / name, photos=1, seed=3, size=(96, 128), people=(1, 1))
    return folder


def test_photos_with_and_without_masks_take_part(data):
    path = data / "coco_photos_more" / "annotations.json"
    content = json.loads(path.read_text())
    for image in content["images"]:
        image["mask"] = False
    for annotation in content["annotations"]:
        annotation.pop("segmentation", None)
    path.write_text(json.dumps(content))
    recipe = dataclasses.replace(
        multiposenet_nano.MASK, batch_size=8, masked_singles=1, patch_sizes=((0.0, 64),)
    )
    batches = multiposenet_nano.patches(data, COCO_17, recipe)
    assert len(batches.samples) == 9
    assert sum(sample.has_mask for sample in batches.samples) == 6
    images, y = batches(0)
    assert images.shape == (8, 64, 64, 3) and y["target"].shape == (8, 16, 16, 18)
    known = y["weight"][..., -1].any(axis=(1, 2))
    assert known.any() and y["target"][known, ..., -1].any()


@pytest.fixture
def short(monkeypatch):
    """Every stage in a step or two."""
    tiny = {"steps": 1, "batch_size": 8, "warmup": 0, "precision": "float32"}
    patches = tiny | {"patch_sizes": ((0.0, 64),)}
    mask = dataclasses.replace(multiposenet_nano.MASK, **patches)
    monkeypatch.setattr(multiposenet_nano, "MASK", mask)
    octaves = [dataclasses.replace(recipe, **patches) for recipe in multiposenet_nano.OCTAVES]
    monkeypatch.setattr(multiposenet_nano, "OCTAVES", octaves)
    person = recipes.MoveNetPerson(kept_features=1, patch_size=64, **tiny)
    monkeypatch.setattr(multiposenet_nano, "PERSON", person)
    rounds = [
        dataclasses.replace(plan, tuning=dataclasses.replace(plan.tuning, **patches), person=person)
        for plan in multiposenet_nano.ROUNDS
    ]
    monkeypatch.setattr(multiposenet_nano, "ROUNDS", rounds)
    prn = {name: tiny[name] for name in ("batch_size", "warmup", "precision")}
    prn = recipes.NanoPRN(backbone=multiposenet_nano.BACKBONE, epochs=1, **prn)
    monkeypatch.setattr(multiposenet_nano, "PRN", prn)

    def nobody():
        return lambda images: np.zeros((len(images), 16, 16, 1), np.float32)

    monkeypatch.setattr(multiposenet_nano, "teacher", nobody)


@pytest.mark.usefixtures("short", "eagerly")
def test_all_stages_leave_a_model_that_loads(data, movenet, tmp_path):
    labels = data / multiposenet_lite0.LABELS
    labels.parent.mkdir(exist_ok=True)
    shutil.copy(data / "coco_photos" / "train" / "annotations.json", labels)
    path = multiposenet_nano.main(str(movenet), data, tmp_path)
    assert path.is_file() and path.parent == tmp_path / "release"
    stages = ("keypoints", "person")
    models = []
    for folder in ("first", "round1", "round2"):
        folder = tmp_path / folder
        models.append(run_folder.new_model(folder, multiposenet_nano.BACKBONE, COCO_17))
        run_folder.load_parts(models[-1], folder, *stages)
    for part in (part for stage in stages for part in STAGES[stage].parts):
        first, second, third = (getattr(model, part).get_weights() for model in models)
        assert not all(map(np.array_equal, first, second)), part
        assert not all(map(np.array_equal, second, third)), part
    last = run_folder.new_model(tmp_path, multiposenet_nano.BACKBONE, COCO_17)
    run_folder.load_parts(last, tmp_path, *stages)
    assert last.architecture.octaves == 2
    for part in ("backbone", "person_pyramid", "person_subnet"):
        pair = (getattr(model, part).get_weights() for model in (models[-1], last))
        assert all(map(np.array_equal, *pair)), part
    assert ops.convert_to_numpy(last.keypoint_subnet.get_layer("attention_prediction").bias).any()


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match="coco_photos/train"):
        multiposenet_nano.patches(tmp_path, COCO_17, multiposenet_nano.MASK)


def test_the_teacher_tells_a_mask_of_a_quarter_of_the_size(monkeypatch):
    """From 0 to 1, of the pixels that a training patch has."""
    load = multiposenet_nano.estimator.load
    monkeypatch.setattr(
        multiposenet_nano.estimator,
        "load",
        lambda name, runtime: load(name),  # no export
    )
    image = read_image(sample_photo())[:320, :320].astype(np.float32)
    (mask,) = multiposenet_nano.teacher()(image[None])
    assert mask.shape == (80, 80, 1) and mask.min() >= 0 and 0.9 < mask.max() <= 1
