"""What stands in the folder of `predict`: nobody else's file is replaced, nothing done is lost."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import BLUE, RED, assert_one_line, names, paint
from PIL import Image

from multiposenet import drawing
from multiposenet.commands.prediction import record
from multiposenet.commands.prediction.folder import LOCK, RECORD
from multiposenet.files import file_lock
from multiposenet.poses import Poses


@pytest.fixture
def photos(tmp_path):
    return [
        paint(tmp_path / "photos" / f"{name}.jpg", people)
        for name, people in (("a", [RED]), ("b", []), ("c", [RED, BLUE]))
    ]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORD}


def results(folder):
    return json.loads((folder / "poses.json").read_text())


@pytest.mark.parametrize("what", ("file", "empty", "folder", "link", "dangling link", "old record"))
def test_results_of_others_are_refused(multiposenet, fake_model, photos, tmp_path, what):
    out, mine = tmp_path / "out", tmp_path / "mine"
    out.mkdir()
    path = out / "poses.json"
    if what in ("file", "empty"):
        path.write_text("[1]" if what == "file" else "")
    elif what == "folder":
        path.mkdir()
    elif what == "old record":  # of results that were replaced since
        multiposenet("predict", photos[0], "--out", out)
        path.write_text(path.read_text().replace("keypoints", "points"))
    else:
        if what == "link":
            mine.write_text("[1]")
        path.symlink_to(mine)
    before, calls = sorted(out.iterdir()), len(fake_model)
    text = None if what in ("folder", "dangling link") else path.read_bytes()
    status, _, errors = multiposenet("predict", *photos, "--out", out)
    assert status == 2 and len(fake_model) == calls  # before the work
    assert_one_line(errors, path, "--out: is not what predict left there", "--overwrite")
    assert sorted(out.iterdir()) == before
    assert text is None or path.read_bytes() == text
    if what in ("file", "empty", "link", "old record"):
        assert multiposenet("predict", *photos, "--out", out, "--overwrite")[0] == 0
        assert len(results(out)) == 3 and path.is_symlink() == (what == "link")
        assert multiposenet("predict", *photos, "--out", out)[0] == 0  # now they are its own


@pytest.mark.parametrize("what", ("file", "folder", "link", "other case"))
def test_pictures_of_others_stay(multiposenet, fake_model, photos, tmp_path, what):
    out, mine = tmp_path / "out", tmp_path / "mine"
    out.mkdir()
    path = out / ("A.png" if what == "other case" else "a.png")
    if what == "folder":
        (path / "inner").mkdir(parents=True)
    elif what == "link":
        mine.write_text("mine")
        path.symlink_to(mine)
    else:
        path.write_text("mine")
    for _ in range(2):
        assert multiposenet("predict", *photos, "--out", out)[0] == 0
        assert names(out) == sorted([RECORD, path.name, "a-2.png", "b.png", "c.png", "poses.json"])
    assert path.is_dir() if what == "folder" else path.read_text() == "mine"
    overwritten = multiposenet("predict", *photos, "--out", out, "--overwrite")[0]
    assert overwritten == 0 and path.is_symlink() == (what == "link")
    assert what != "file" or path.read_bytes().startswith(b"\x89PNG")


def test_beside_the_photo_itself(multiposenet, fake_model, tmp_path):
    """The results and the picture of another tool have the names that predict would use."""
    photo, other = paint(tmp_path / "a.jpg"), paint(tmp_path / "a.png", [])
    before = photo.read_bytes(), other.read_bytes()
    for _ in range(2):  # its own drawings are no photos
        assert multiposenet("predict", tmp_path, "--out", tmp_path)[0] == 0
        assert names(tmp_path) == [RECORD, "a-2.png", "a-3.png", "a.jpg", "a.png", "poses.json"]
    assert multiposenet("predict", tmp_path, "--out", tmp_path, "--overwrite")[0] == 0
    assert (photo.read_bytes(), other.read_bytes()) == before


def test_a_drawing_that_was_changed_is_no_more_its_own(multiposenet, fake_model, photos, tmp_path):
    out = tmp_path / "out"
    multiposenet("predict", *photos, "--out", out)
    (out / "a.png").write_text("painted over")
    assert multiposenet("predict", *photos, "--out", out)[0] == 0
    assert (out / "a.png").read_text() == "painted over" and "a-2.png" in names(out)


def nan(poses):
    object.__setattr__(poses, "keypoints", poses.keypoints * np.nan)
    return poses


@pytest.mark.parametrize("failure", ("name", "NaN", "drawing", "folder", "long name"))
def test_what_fails_for_one_photo_costs_that_photo(
    multiposenet, fake_model, photos, tmp_path, monkeypatch, failure
):
    out, bad = tmp_path / "out", "a.jpg"
    if failure == "name":
        bad = os.fsdecode(b"a\xff.jpg")
        photos[0] = photos[0].rename(photos[0].with_name(bad))
    if failure == "long name":
        bad = "a" * 251 + ".jpg"
        photos[0] = photos[0].rename(photos[0].with_name(bad))
        out.mkdir()
        paint(out / ("a" * 251 + ".png"))
    to_coco, draw = Poses.to_coco, Poses.draw
    if failure == "NaN":
        monkeypatch.setattr(
            Poses,
            "to_coco",
            lambda self, **k: to_coco(nan(self) if k["file_name"] == bad else self, **k),
        )
    if failure == "drawing":

        def fails(self, path, image, **options):
            if path.stem == "a":
                raise cv2_error("bad argument")
            return draw(self, path, image, **options)

        cv2_error = type("error", (Exception,), {})
        monkeypatch.setattr(Poses, "draw", fails)
    if failure == "folder":  # comes while the run lasts

        def makes(self, **options):
            if options["file_name"] == bad:
                (out / "a.png").mkdir()
            return to_coco(self, **options)

        out.mkdir()
        monkeypatch.setattr(Poses, "to_coco", makes)
    status, text, errors = multiposenet("predict", *photos, "--out", out)
    assert status == 1 and "photos: 2, people: 2" in text
    assert_one_line(errors, bad.replace("\udcff", "\\udcff") if failure == "name" else "a")
    assert {row["file_name"] for row in results(out)} == {"c.jpg"}
    assert {"b.png", "c.png"} <= set(names(out))
    assert not any(name.startswith(".partial") for name in names(out))


@pytest.mark.parametrize("number", (errno.ENOSPC, errno.EROFS))
def test_a_full_disk_ends_the_run_with_what_is_done(
    multiposenet, fake_model, photos, tmp_path, monkeypatch, number
):
    save = drawing.save

    def full(drawn, path):
        if path.name == "c.png":
            raise OSError(number, os.strerror(number), str(path))
        save(drawn, path)

    monkeypatch.setattr(drawing, "save", full)
    status, _, errors = multiposenet("predict", *photos, "--out", tmp_path / "out")
    assert status == 2
    assert_one_line(errors, "c.png", os.strerror(number))
    assert [row["file_name"] for row in results(tmp_path / "out")] == ["a.jpg"]


def test_interrupted_and_resumed(multiposenet, fake_model, photos, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "out"
    multiposenet("predict", *photos, "--out", whole)
    seen, failing, draw = set(), ["b.png"], Poses.draw

    def interrupted(self, path, image, **options):
        seen.add(path.name)
        if path.name in failing:
            raise KeyboardInterrupt
        return draw(self, path, image, **options)

    monkeypatch.setattr(Poses, "draw", interrupted)
    status, _, errors = multiposenet("predict", *photos, "--out", out)
    assert status == 130
    assert_one_line(errors, out, "interrupted: 1 of 3 photos are done", "--resume")
    assert [row["file_name"] for row in results(out)] == ["a.jpg"]
    assert LOCK not in names(out)
    seen.clear(), failing.clear()
    status, _, errors = multiposenet("predict", *photos, "--out", out, "--resume", "--size", "64")
    assert status == 2
    assert_one_line(errors, "--resume: the results there are of size None, not 64")
    assert multiposenet("predict", *photos, "--out", out, "--resume")[:2] == (
        0,
        f"photos: 3, people: 3; pictures and poses.json in {out}\n",
    )
    assert seen == {"b.png", "c.png"}
    assert content(out) == content(whole)
    # All is done: nothing is done again, unless it has changed.
    paint(photos[1], [BLUE])
    (out / "c.png").unlink()
    seen.clear()
    assert multiposenet("predict", *photos, "--out", out, "--resume")[0] == 0
    assert seen == {"b.png", "c.png"}
    assert sorted(row["file_name"] for row in results(out)) == ["a.jpg", "b.jpg", "c.jpg", "c.jpg"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_killed_at_any_moment(tmp_path):
    script = Path(__file__).parents[2] / "helpers" / "killed_predict.py"
    told = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) > 30


def test_one_process_at_a_time(multiposenet, fake_model, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with file_lock.held(out / LOCK):
        status, _, errors = multiposenet("predict", *photos, "--out", out)
    assert status == 2 and names(out) == []
    assert_one_line(errors, out, "--out: another process writes into it")


@pytest.mark.parametrize(
    "text",
    (
        "",
        "x",
        "[]\n",
        "3\n",
        "[" * 100_000,
        '{"about": 3, "pictures": {}, "before": null}\n',
        '{"about": {}, "pictures": {}, "before": null}\n{"claimed": 3}\n{"photo": 1}\n',
        '{"about": {}, "pictures": {}, "before": null}\n7\n',
    ),
)
def test_a_record_of_something_else_says_nothing(tmp_path, text):
    path = tmp_path / RECORD
    path.write_text(text)
    found = record.read(path)
    assert found.photos == {} and list(record.lines(path)) == []
    (tmp_path / "poses.json").write_text("[]\n")
    assert not found.knows(tmp_path / "poses.json")


def test_a_panorama_in_which_nobody_is_found(multiposenet, fake_model, tmp_path, monkeypatch):
    Image.new("RGB", (1000, 100)).save(tmp_path / "wide.png")
    Image.new("RGB", (100, 60)).save(tmp_path / "small.png")
    photos = tmp_path / "wide.png", tmp_path / "small.png"
    status, _, errors = multiposenet("predict", *photos, "--out", tmp_path / "out")
    assert status == 0
    assert_one_line(
        errors,
        "wide.png: nobody found: the model saw the 1000x100 pixels with a shorter side of 13; ",
        "try --size 1000",
    )
    options = ("--out", tmp_path / "out", "--size", "1000")
    assert multiposenet("predict", *photos, *options)[2] == []
