"""predict: pictures, results, names and numbers."""

import json

import numpy as np
import pytest
from command_line import RED, names, paint

from multiposenet import formats
from multiposenet.commands import result_files
from multiposenet.commands.prediction.folder import RECORD
from multiposenet.sources import read_image


def test_predict_writes_a_picture_per_photo_and_one_list_of_results(
    multiposenet, fake_model, tmp_path
):
    paint(tmp_path / "photos" / "b.png")
    paint(tmp_path / "photos" / "a.png", [RED])
    out = tmp_path / "deep" / "out"
    status, text, errors = multiposenet("predict", tmp_path / "photos", "--out", out)
    assert (status, errors) == (0, [])
    assert "photos: 2, people: 3;" in text
    assert names(out) == [RECORD, "a.png", "b.png", "poses.json"]
    results = json.loads((out / "poses.json").read_text())
    assert [(r["image_id"], r["file_name"]) for r in results] == [
        (1, "a.png"),
        (2, "b.png"),
        (2, "b.png"),
    ]
    red = results[1]
    assert red["category_id"] == 1 and len(red["keypoints"]) == 9
    np.testing.assert_allclose(red["bbox"], [20, 24, 32, 80], atol=0.5)
    np.testing.assert_allclose(red["keypoints"][:2], [36, 64], atol=0.5)
    assert red["box_score"] == pytest.approx(0.9) and red["score"] == pytest.approx(0.81)
    drawn, photo = read_image(out / "b.png"), read_image(tmp_path / "photos" / "b.png")
    assert drawn.shape == photo.shape and (drawn != photo).any()


def test_predict_passes_model_size_and_score_on(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    options = ["--out", tmp_path / "out", "--model", "other", "--size", "256", "--score", "0.7"]
    multiposenet("predict", photo, *options)
    assert fake_model == [("other", {"image_size": 256, "score": 0.7})]
    assert (
        len(json.loads((tmp_path / "out" / "poses.json").read_text())) == 1
    )  # red 0.81, blue 0.25


def test_predict_without_a_source_takes_the_sample_photo(
    multiposenet, fake_model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    status, _, errors = multiposenet("predict")
    assert (status, errors) == (0, [])
    assert names(tmp_path / "multiposenet-out") == [RECORD, "grace_hopper.png", "poses.json"]


def test_predict_on_a_photo_without_people(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png", [])
    status, text, errors = multiposenet("predict", photo, "--out", tmp_path / "out")
    assert (status, errors) == (0, [])
    assert "people: 0;" in text
    assert json.loads((tmp_path / "out" / "poses.json").read_text()) == []
    assert names(tmp_path / "out") == [RECORD, "a.png", "poses.json"]


def test_predict_json_to_stdout_and_to_a_file(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    out = ["--out", tmp_path / "out"]
    _, text, _ = multiposenet("predict", photo, *out, "--json", "-")
    assert json.loads(text) == json.loads((tmp_path / "out" / "poses.json").read_text())
    multiposenet("predict", photo, *out, "--json", tmp_path / "more" / "r.json")
    assert json.loads((tmp_path / "more" / "r.json").read_text()) == json.loads(text)


def test_predict_keeps_apart_photos_of_the_same_name(multiposenet, fake_model, tmp_path):
    one, two = paint(tmp_path / "1" / "a.png", [RED]), paint(tmp_path / "2" / "a.webp", [])
    out = tmp_path / "out"
    multiposenet("predict", one, two, one, "--out", out)
    assert names(out) == [RECORD, "a-2.png", "a.png", "poses.json"]


def test_predict_never_overwrites_a_photo(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    before = photo.read_bytes()
    assert multiposenet("predict", tmp_path, "--out", tmp_path)[0] == 0
    assert photo.read_bytes() == before
    assert names(tmp_path) == [RECORD, "a-2.png", "a.png", "poses.json"]


def test_names_of_pictures_differ_on_any_file_system():
    stems = ["A", "a-2", "a", "a"]
    expected = ["A.png", "a-2.png", "a-3.png", "a-4.png"]
    assert result_files.picture_names(stems, set()) == expected


def test_image_ids():
    def ids(*stems):
        return formats.image_ids(list(stems))

    assert ids("000000000139", "000000000285") == [139, 285]  # COCO's file names
    assert ids("000000000139", "cat") == [1, 2]
    assert ids("7", "007") == [1, 2]
    assert ids("²") == [1]


def test_file_names_tell_photos_of_two_folders_apart(multiposenet, fake_model, tmp_path):
    for folder in ("a", "b/a", "b/c"):
        paint(tmp_path / "in" / folder / "img.jpg", [RED])
    out = tmp_path / "out"
    folders = [tmp_path / "in" / folder for folder in ("a", "b/a", "b/c")]
    assert multiposenet("predict", *folders, "--out", out)[0] == 0
    named = [row["file_name"] for row in json.loads((out / "poses.json").read_text())]
    assert named == ["in/a/img.jpg", "b/a/img.jpg", "b/c/img.jpg"] or len(set(named)) == 3
    assert (
        multiposenet("predict", folders[0], "--out", out, "--json", tmp_path / "one.json")[0] == 0
    )
    named = {row["file_name"] for row in json.loads((tmp_path / "one.json").read_text())}
    assert named == {"img.jpg"}
