"""What the mask of the bundled ``multiposenet-nano`` is learnt from."""

import dataclasses
import json

import pytest

from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17
from multiposenet.training.datasets import synthetic
from multiposenet.training.release import multiposenet_nano


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("coco_photos/train", "coco_photos/no_keypoints"):
        synthetic.write(folder / name, photos=2, seed=1, size=(96, 128), people=(2, 3))
    for name in ("ccp_person_masks", "human_segmentation"):
        synthetic.write(folder / name, photos=1, seed=3, size=(96, 128), people=(1, 1))
    return folder


def test_only_photos_with_masks_take_part(data):
    path = data / "coco_photos" / "train" / "annotations.json"
    content = json.loads(path.read_text())
    content["images"][0]["mask"] = False
    for annotation in content["annotations"]:
        annotation.pop("segmentation", None)
    path.write_text(json.dumps(content))
    recipe = dataclasses.replace(
        multiposenet_nano.MASKS, batch_size=4, masked_singles=1, patch_sizes=((0.0, 64),)
    )
    batches = multiposenet_nano.masked_batches(data, COCO_17, recipe)
    assert len(batches.samples) == 5 and all(sample.has_mask for sample in batches.samples)
    images, y = batches(0)
    assert images.shape == (4, 64, 64, 3) and y["target"].shape == (4, 16, 16, 18)
    assert y["target"][..., -1].any()


def test_a_missing_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match="coco_photos/train"):
        multiposenet_nano.masked_batches(tmp_path, COCO_17)
