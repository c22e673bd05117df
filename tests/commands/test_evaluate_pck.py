"""evaluate --metrics pck: annotations of another skeleton than the model's."""

import json

import pytest
from command_line import BLUE, RED, assert_one_line, paint

NAMES = ["left_shoulder", "right_shoulder", "left_hip", "right_hip", "head_top"]


@pytest.fixture
def labelled(tmp_path):
    """Two photos with the red person; the second shows also the blue one, whose right hip is
    labelled far from where the model finds it, and one who cannot be read."""
    annotations, images = [], []
    for image_id, people in enumerate([[RED], [RED, BLUE], [RED]], 1):
        name = f"p{image_id}.png"
        if image_id < 3:
            paint(tmp_path / "photos" / name, people)
        images.append({"id": image_id, "file_name": name, "width": 128, "height": 128})
        for x1, y1, x2, y2 in people:
            right = x2 if (x1, y1, x2, y2) == RED else x2 - 25
            points = [x1, y2, 2, 0, 0, 0, x1, y1, 2, right, y2, 2, 5, 5, 2]
            annotation = {"id": len(annotations) + 1, "image_id": image_id, "category_id": 1}
            box = [x1, y1, x2 - x1, y2 - y1]
            annotations.append({**annotation, "bbox": box, "keypoints": points})
    category = {"id": 1, "name": "person", "keypoints": NAMES}
    labels = {"images": images, "annotations": annotations, "categories": [category]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def evaluate(multiposenet, folder, *more):
    paths = ("--annotations", folder / "labels.json", "--images", folder / "photos")
    return multiposenet("evaluate", *paths, *more)


def test_pck_of_shared_keypoints(multiposenet, fake_model, labelled):
    status, text, errors = evaluate(multiposenet, labelled, "--metrics", "pck", "--json", "-")
    assert status == 1
    assert_one_line(errors, labelled / "photos" / "p3.png")
    figures = json.loads(text)
    # Four persons, of which the last is on the photo that cannot be read; hips alone are shared.
    assert {name: v for name, v in figures.items() if name.startswith("pck/")} == {
        "pck/mean": pytest.approx(5 / 8),
        "pck/left_hip": pytest.approx(3 / 4),
        "pck/right_hip": pytest.approx(2 / 4),
        "pck/persons": 4,
        "pck/left_out": 0,
    }
    assert "keypoints/AP" not in figures


def test_pck_is_printed_beside_other_metrics(multiposenet, fake_model, labelled):
    _, text, _ = evaluate(multiposenet, labelled, "--metrics", "boxes,pck")
    rows = [line.split() for line in text.splitlines()]
    lines = dict(row for row in rows if len(row) == 2)
    assert lines["pck/mean"] == "0.6250" and lines["pck/persons"] == "4"
    assert "boxes/AP" in lines


def test_pck_needs_a_torso(multiposenet, fake_model, labelled):
    path = labelled / "labels.json"
    path.write_text(path.read_text().replace("_shoulder", "_elbow"))
    status, _, errors = evaluate(multiposenet, labelled, "--metrics", "pck")
    assert status == 2
    assert_one_line(errors, path, "keypoints", "left_shoulder", "--metrics")


def test_other_skeletons_are_told_of_pck(multiposenet, fake_model, labelled):
    status, _, errors = evaluate(multiposenet, labelled)
    assert status == 2
    assert_one_line(errors, "--metrics boxes,masks,pck")
