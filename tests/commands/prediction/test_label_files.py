"""predict --format: what was found as labels of a tool."""

import json

import numpy as np
import pytest
from command_line import RED, assert_one_line, paint

from multiposenet import label_formats


@pytest.mark.parametrize("kind", ["coco", "cvat", "labelme", "label-studio"])
def test_what_was_found_is_a_label(multiposenet, fake_model, tmp_path, kind):
    for name, people in (("a.png", [RED]), ("b.png", [])):
        paint(tmp_path / "photos" / name, people)
    out = tmp_path / "out"
    status, text, errors = multiposenet(
        "predict", tmp_path / "photos", "--out", out, "--format", kind
    )
    assert status == 0 and f"labels in {out / kind}" in text
    found = label_formats.read(f"{kind}:{out / kind}").annotations
    records = {record.file_name: record for record in found.images}
    assert ("b.png" in records) == (kind != "label-studio")  # which tells no size of it
    assert len(errors) == (kind == "label-studio")
    (row,) = json.loads((out / "poses.json").read_text())
    points = np.reshape(row["keypoints"], (-1, 3))
    np.testing.assert_allclose(records["a.png"].keypoints[0, :, :2], points[:, :2], rtol=1e-5)
    assert (records["a.png"].keypoints[..., 2] == 2).all()
    assert found.skeleton.keypoints == ("neck", "left_hip", "right_hip")


def test_keypoints_that_score_too_little_are_no_labels(multiposenet, fake_model, tmp_path):
    paint(tmp_path / "a.png", [RED])
    out = tmp_path / "out"
    options = ["--format", "coco", "--keypoint-score", "0.95", "--out", out]
    assert multiposenet("predict", tmp_path / "a.png", *options)[0] == 0
    found = label_formats.read(f"coco:{out / 'coco'}").annotations
    assert (found.persons.keypoints == 0).all() and len(found.persons) == 1


def test_photos_without_a_file_are_named(multiposenet, fake_model, tmp_path):
    from PIL import Image

    pages = [Image.new("RGB", (64, 64), (200, 0, 0)) for _ in range(2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    options = ["--all-pages", "--format", "coco", "--out", tmp_path / "out"]
    status, _, errors = multiposenet("predict", tmp_path / "a.tif", *options)
    assert status == 1
    assert_one_line(errors[:1], "--format: labels are of photos in files of their own")
