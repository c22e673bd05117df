"""What the mask of the bundled ``multiposenet-nano`` is learnt from."""

import dataclasses
import json

import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17
from multiposenet.sources import read_image, sample_photo
from multiposenet.training.datasets import synthetic
from multiposenet.training.release import multiposenet_nano


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


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match="coco_photos/train"):
        multiposenet_nano.patches(tmp_path, COCO_17)


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
