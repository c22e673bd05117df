"""Assignment of true keypoints to true boxes."""

import json

import pytest

from multiposenet import estimator
from multiposenet.annotations import CocoAnnotations
from multiposenet.networks.pose_residual_network import Max
from multiposenet.skeleton import COCO_17
from multiposenet.training import assignment


def person(number, image, x):
    keypoints = [[x + 2 * joint, 20 + 3 * joint, 2] for joint in range(17)]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "area": 2000,
        "bbox": [x - 3, 15, 45, 60],
        "num_keypoints": 17,
        "keypoints": [value for keypoint in keypoints for value in keypoint],
    }


def write(path, people):
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 400, "height": 100} for i in (1, 2)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints), "skeleton": []}
    document = {"images": images, "annotations": people, "categories": [category]}
    path.write_text(json.dumps(document))
    return CocoAnnotations.load(path)


def test_people_apart_are_assigned_perfectly(tmp_path):
    people = [person(1, 1, 20), person(2, 1, 200), person(3, 2, 50)]
    figures = assignment.evaluate(Max(), write(tmp_path / "labels.json", people))
    assert figures["keypoints/AP"] == pytest.approx(1.0)


def test_the_highest_peak_cannot_tell_people_who_overlap(tmp_path):
    people = [person(1, 1, 20), person(2, 1, 32)]
    figures = assignment.evaluate(Max(), write(tmp_path / "labels.json", people))
    assert figures["keypoints/AP"] < 0.6


def test_the_bundled_prn_beats_the_paper(data_dir, tmp_path):
    """89.4 in table 3, on all of val2017; here on its first 300 photos."""
    labels = json.loads((data_dir / "coco_labels/person_keypoints_val2017.json").read_text())
    labels["images"] = labels["images"][:300]
    kept = {image["id"] for image in labels["images"]}
    labels["annotations"] = [a for a in labels["annotations"] if a["image_id"] in kept]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    bundled = estimator.load("multiposenet-nano").model
    figures = assignment.evaluate(bundled.prn, CocoAnnotations.load(tmp_path / "labels.json"))
    assert figures["keypoints/AP"] >= 0.92
