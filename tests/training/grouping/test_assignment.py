"""Assignment of true keypoints to true boxes."""

import json

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.networks.pose_residual_network import Max
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator
from multiposenet.training.grouping import assignment


def person(number, image, x):
    keypoints = [[x + 2 * keypoint, 20 + 3 * keypoint, 2] for keypoint in range(17)]
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


@pytest.mark.parametrize("rule", assignment.RULES)
def test_the_highest_peak_cannot_tell_people_who_overlap(tmp_path, rule):
    """Nor does the order of the candidates tell them, whatever the rule."""
    people = [person(i, i // 2, 20 + 12 * (i % 2)) for i in range(2, 6)]
    figures = assignment.evaluate(Max(), write(tmp_path / "labels.json", people), rule)
    assert figures["keypoints/AP"] < 0.6


class Remembering(Max):
    """Logits that a test gives."""

    def __init__(self, logits):
        super().__init__()
        self.given = logits

    def assign(self, boxes, points, scores):
        _, candidate_scores, expected = super().assign(boxes, points, scores)
        return self.given(boxes, points), candidate_scores, expected


def owners_by_place(boxes, points):
    """Odds by the distance from where the keypoint lies in the person's box."""
    keypoints = np.arange(17)
    expected = boxes[:, :, None, :2] + np.column_stack([3 + 2 * keypoints, 5 + 3 * keypoints])
    return -np.abs(points[:, None] - expected[:, :, :, None]).sum(axis=-1).astype("float32")


def test_rules_against_a_loop(tmp_path):
    """Both boxes like the first person's keypoints best; only one may have each."""
    people = [person(1, 1, 20), person(2, 1, 32)]
    labels = write(tmp_path / "labels.json", people)

    def greedy_first(boxes, points):
        odds = owners_by_place(boxes, points)
        first = np.isclose(points[..., 0], 20 + 2 * np.arange(17)[:, None]).astype("float32")
        return odds + 40 * first[:, None]

    assigned = assignment.AssignmentScores(Remembering(greedy_first), labels)
    for rule, right in (("each", 0.5), ("greedy", 1.0), ("optimal", 1.0)):
        figures = assigned.evaluate(rule)
        assert figures["keypoints/AR"] == pytest.approx(right), rule
    # For nothing above even odds, no one gets anything.
    unwilling = assignment.AssignmentScores(
        Remembering(lambda b, p: owners_by_place(b, p) - 99), labels
    )
    assert unwilling.evaluate("optimal")["keypoints/AR"] == 1
    assert unwilling.evaluate("optimal", unassigned=0.0)["keypoints/AR"] == 0


def test_localisation_is_the_centre_of_the_cell(tmp_path):
    labels = write(tmp_path / "labels.json", [person(1, 1, 20)])
    (photo,) = [r for r in labels.images if len(r)]
    part = assignment.AssignmentScores(None, labels).parts[0]
    (result,) = assignment._results(*part, 1, "each", "cell", -np.inf)
    found = np.reshape(result["keypoints"], (17, 3))[:, :2]
    corner, size = photo.boxes[0, :2], photo.boxes[0, 2:] - photo.boxes[0, :2]
    cell = size / (36, 56)
    for keypoint, (x, y, _) in enumerate(photo.keypoints[0]):
        column = min(max(int((x - corner[0]) / cell[0]), 0), 35)
        row = min(max(int((y - corner[1]) / cell[1]), 0), 55)
        centre = corner + (np.array([column, row]) + 0.5) * cell
        np.testing.assert_allclose(found[keypoint], centre, atol=1e-4)
    assert result["score"] == pytest.approx(1)


def test_perfect_loses_what_lies_beyond_the_margin(tmp_path):
    far = person(1, 1, 20)
    far["keypoints"][:2] = [300, 90]
    figures = assignment.evaluate(None, write(tmp_path / "labels.json", [far]))
    # OKS is 16 / 17: right at all thresholds but 0.95.
    assert figures["keypoints/AP"] == pytest.approx(0.9)


def test_the_bundled_prn_beats_the_paper(data_dir, tmp_path):
    """89.4 in table 3, on all of val2017; here on its first 300 photos."""
    labels = json.loads((data_dir / "coco_labels/person_keypoints_val2017.json").read_text())
    labels["images"] = labels["images"][:300]
    kept = {image["id"] for image in labels["images"]}
    labels["annotations"] = [a for a in labels["annotations"] if a["image_id"] in kept]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    bundled = estimator.load("multiposenet-nano").model
    assigned = assignment.AssignmentScores(
        bundled.prn, CocoAnnotations.load(tmp_path / "labels.json")
    )
    for rule in ("each", "optimal"):
        assert assigned.evaluate(rule)["keypoints/AP"] >= 0.92
