"""Damaged annotations and results, in their text and in what the text says."""

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes, damaged_values
from hypothesis import given

from multiposenet import segmentations
from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import evaluate_boxes, evaluate_keypoints
from multiposenet.skeleton import COCO_17

RNG = np.random.default_rng(0)


def person(number, image, segmentation, crowd=0):
    points = np.column_stack([RNG.uniform(5, 60, (17, 2)).round(2), RNG.integers(0, 3, 17)])
    points[points[:, 2] == 0] = 0
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [5.0, 5.0, 55.0, 50.5],
        "area": 1800.25,
        "iscrowd": crowd,
        "num_keypoints": int((points[:, 2] > 0).sum()),
        "keypoints": points.ravel().tolist(),
        "segmentation": segmentation,
    }


POLYGON = [[5, 5, 50, 5, 50, 50, 5, 50.5]]
CONTENT = {
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 64, "height": 64},
        {"id": 9, "file_name": "sub/b.jpg", "width": 64, "height": 48},
    ],
    "annotations": [
        person(1, 7, POLYGON),
        person(2, 9, POLYGON),
        person(3, 7, {"size": [64, 64], "counts": [100, 50, 3946]}, crowd=1),
    ],
    "categories": [
        {
            "id": 1,
            "name": "person",
            "keypoints": list(COCO_17.keypoints),
            "skeleton": [[16, 14], [14, 12]],
        }
    ],
}
RESULTS = [
    {
        "image_id": each["image_id"],
        "category_id": 1,
        "keypoints": each["keypoints"],
        "bbox": each["bbox"],
        "score": 0.1 * each["id"],
        "box_score": 0.2 * each["id"],
    }
    for each in CONTENT["annotations"]
]
TEXTS = [json.dumps(CONTENT).encode(encoding) for encoding in ("utf-8", "utf-16")]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("json") / "annotations.json"


@pytest.fixture(scope="module")
def annotations(path):
    path.write_bytes(TEXTS[0])
    return CocoAnnotations.load(path)


def use(path):
    """Loads, and takes everything that is taken of annotations."""
    found = CocoAnnotations.load(path)
    records = list(found)
    for record in records:
        size = record.height, record.width
        for segmentation in record.segmentations if np.prod(size) < 1e6 else ():
            if segmentation is not None:
                assert segmentations.draw(segmentation, size).shape == size
    return found, records


def check(path, found):
    """What was read is what the file says, as Python's own reader has it."""
    if is_error(found):
        assert str(found).startswith(f"{path}: ")
        return
    table, records = found
    persons = table.persons
    for values in (persons.xywh, persons.areas, persons.keypoints):
        assert np.isfinite(values).all()
    said = json.loads(path.read_bytes())
    assert len(records) == len(said["images"])
    keys = zip(persons.image.tolist(), persons.ids.tolist(), strict=True)
    rows = {key: row for row, key in enumerate(keys)}
    place = {image["id"]: row for row, image in enumerate(said["images"])}
    for entry in said["annotations"]:
        if entry["category_id"] != table.category_id or not isinstance(entry["image_id"], int):
            continue
        row = rows[place[entry["image_id"]], entry["id"]]
        np.testing.assert_array_equal(persons.xywh[row], np.float64(entry["bbox"]))
        if entry.get("keypoints"):
            wanted = np.float64(entry["keypoints"]).reshape(-1, 3)
            np.testing.assert_array_equal(persons.keypoints[row][:, :2], wanted[:, :2])


@given(damaged_values([CONTENT]))
def test_annotations_that_say_something_else(path, content):
    path.write_text(json.dumps(content))
    check(path, answer(use, path))


@given(damaged_bytes(TEXTS))
def test_annotations_whose_text_is_damaged(path, content):
    path.write_bytes(content)
    check(path, answer(use, path))


def reference(results, kind):
    """What pycocotools says."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(CONTENT)
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
        judge.params.catIds = [1]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats


def plain(results):
    """Whether pycocotools can be asked: it reads less than this project does."""
    return bool(results) and all(
        set(RESULTS[0]) <= set(each)
        and each["category_id"] == 1
        and all(isinstance(each[name], list) for name in ("keypoints", "bbox"))
        and (len(each["keypoints"]), len(each["bbox"])) == (51, 4)
        for each in results
    )


@given(damaged_values([RESULTS, RESULTS[:1]]))
def test_results_are_measured_as_pycocotools_does_or_refused(annotations, results):
    for evaluate, kind in ((evaluate_keypoints, "keypoints"), (evaluate_boxes, "bbox")):
        found = answer(evaluate, annotations, results)
        if is_error(found):
            continue
        assert all(-1 <= value <= 1 for value in found.values())
        if plain(results):
            scored = results
            if kind == "bbox":
                scored = [each | {"score": each["box_score"]} for each in results]
            np.testing.assert_allclose(
                list(found.values()), reference(scored, kind), rtol=0, atol=1e-9
            )
