"""Damaged labels in the formats of tools: read as something sound, or refused in one line."""

import json

import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes, damaged_values
from hypothesis import given
from PIL import Image

from multiposenet import label_formats
from multiposenet.annotations import CocoAnnotations
from multiposenet.skeleton import COCO_17

PERSON = {
    "id": 1,
    "image_id": 1,
    "category_id": 1,
    "bbox": [5.0, 5.0, 55.0, 40.5],
    "keypoints": [value for k in range(17) for value in (6 + k, 7 + k, k % 3)],
    "segmentation": [[5, 5, 50, 5, 50, 40]],
}
CONTENT = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
    "annotations": [PERSON, {**PERSON, "id": 2, "iscrowd": 1, "keypoints": [0] * 51}],
    "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
}
CONTENT["annotations"][1]["segmentation"] = {"size": [48, 64], "counts": [100, 50, 2922]}


def texts():
    """What is written of it in each format: bytes, or for JSON the values."""
    import tempfile
    from pathlib import Path

    made, annotations = {}, CocoAnnotations.from_content(CONTENT, "a.json")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for kind, name in (("cvat", "a.xml"), ("label-studio", "a.json"), ("labelme", "")):
            label_formats.write(annotations, f"{kind}:{folder / name}")
            made[kind] = (folder / (name or "a.json")).read_bytes()
        label_formats.write(annotations, f"yolo:{folder / 'y'}")
        made["data.yaml"] = (folder / "y" / "data.yaml").read_bytes()
        made["a.txt"] = (folder / "y" / "labels" / "train" / "a.txt").read_bytes()
    return made


TEXTS = texts()
VALUES = {kind: json.loads(TEXTS[kind]) for kind in ("label-studio", "labelme")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    for name in ("images", "labels"):
        (folder / name / "train").mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(folder / "images" / "train" / "a.png")
    return folder


def use(name):
    """Reads, and takes everything that is taken of annotations."""
    annotations = label_formats.read(name).annotations
    return annotations, list(annotations), annotations.skeleton.flip_indices


def check(found):
    if is_error(found):
        return
    annotations, records, _ = found
    persons = annotations.persons
    for values in (persons.xywh, persons.areas, persons.keypoints):
        assert np.isfinite(values).all()
    assert all(record.width > 0 and record.height > 0 for record in records)


@given(damaged_bytes([TEXTS["cvat"]]))
def test_cvat(folder, content):
    (folder / "a.xml").write_bytes(content)
    check(answer(use, f"cvat:{folder / 'a.xml'}"))


@given(damaged_values([VALUES["label-studio"]]))
def test_label_studio(folder, content):
    (folder / "s.json").write_text(json.dumps(content))
    check(answer(use, f"label-studio:{folder / 's.json'}"))


@given(damaged_values([VALUES["labelme"]]))
def test_labelme(folder, content):
    (folder / "m.json").write_text(json.dumps(content))
    check(answer(use, f"labelme:{folder / 'm.json'}"))


@given(damaged_bytes([TEXTS["a.txt"]]))
def test_yolo_labels(folder, content):
    (folder / "data.yaml").write_bytes(TEXTS["data.yaml"])
    (folder / "labels" / "train" / "a.txt").write_bytes(content)
    check(answer(use, f"yolo:{folder}"))


@given(damaged_bytes([TEXTS["data.yaml"]]))
def test_yolo_description(folder, content):
    (folder / "data.yaml").write_bytes(content)
    (folder / "labels" / "train" / "a.txt").write_bytes(TEXTS["a.txt"])
    check(answer(use, f"yolo:{folder}"))
