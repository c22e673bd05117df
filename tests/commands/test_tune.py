"""tune: each setting on the same photos, its quality, and what is proposed."""

import json

import pytest
from command_line import BLUE, RED, assert_one_line, paint

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos and labels of the red and blue rectangles on them."""
    folder = tmp_path_factory.mktemp("tune")
    images, annotations = [], []
    for number, people in enumerate(([RED, BLUE], [RED], [])):
        paint(folder / "photos" / f"{number}.png", people)
        images.append({"id": 7 + number, "file_name": f"{number}.png", "width": 128, "height": 128})
        for x1, y1, x2, y2 in people:
            points = [(x1 + x2) / 2, (y1 + y2) / 2, 2, x1, y1, 2, x2, y2, 2]
            own = {"id": len(annotations) + 1, "image_id": 7 + number, "category_id": 1}
            own |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            annotations.append({**own, "keypoints": points, "num_keypoints": 3, "iscrowd": 0})
    names = ["neck", "left_hip", "right_hip"]
    category = {"id": 1, "name": "corners", "keypoints": names, "sigmas": [0.05] * 3}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    (folder / "labels.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def tune(multiposenet, fake_model, photos, tmp_path):
    def run(*more):
        given = ["--photos", photos / "photos", "--models", "fake", "--runtimes", "keras"]
        given += ["--sizes", "32,128", "--plot", tmp_path / "tune.png", "--json", "-"]
        status, text, errors = multiposenet("tune", *given, *more)
        return status, json.loads(text) if text else None, errors

    return run


def test_ap_and_milliseconds_of_each_setting(tune, photos, tmp_path):
    status, found, errors = tune("--annotations", photos / "labels.json", "--fps", "0.001")
    assert (status, errors) == (0, [])
    assert [row["size"] for row in found["rows"]] == [32, 128] and found["photos"] == 3
    assert all(row["quality"] > 0.9 for row in found["rows"])  # the fake measures exactly
    assert all(row["ms"] > 0 and row["fps"] == 1000 / row["ms"] for row in found["rows"])
    assert found["quality"] == "keypoints/AP" and found["proposal"] in found["rows"]
    assert found["proposal"]["worthwhile"]
    assert (tmp_path / "tune.png").stat().st_size > 5000


def test_agreement_where_there_are_no_labels(tune, photos):
    (photos / "photos" / "bad.png").write_bytes(b"")
    try:
        status, found, errors = tune()
    finally:
        (photos / "photos" / "bad.png").unlink()
    assert status == 1 and found["failed"] == 1
    assert_one_line(errors, "bad.png", "is empty")
    assert found["quality"] == "agreement with fake at 128"
    assert found["rows"][1]["quality"] == 1 and found["rows"][0]["quality"] <= 1


def test_what_nothing_reaches_is_told(multiposenet, fake_model, photos, tmp_path):
    options = ["--photos", photos / "photos", "--models", "fake", "--runtimes", "keras"]
    options += ["--sizes", "128", "--fps", "9999", "--plot", tmp_path / "tune.png"]
    status, text, _ = multiposenet("tune", *options)
    assert status == 0
    assert "no setting reaches 9999 frames a second; the fastest is --model fake" in text


def test_photos_of_nobody_agree_about_nothing(multiposenet, fake_model, tmp_path):
    paint(tmp_path / "a.png", [])
    options = ["--models", "fake", "--runtimes", "keras", "--plot", tmp_path / "tune.png"]
    status, _, errors = multiposenet("tune", "--photos", tmp_path, *options)
    assert status == 2
    assert_one_line(errors, "finds nobody")
