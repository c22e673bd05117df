"""What `predict` takes: files, folders below, pages, addresses, stdin; and what it draws."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import BLUE, RED, assert_one_line, names, paint
from PIL import Image

from multiposenet.commands.prediction import photo_list
from multiposenet.commands.prediction.folder import RECORD
from multiposenet.sources import read_image


def results(folder):
    return json.loads((folder / "poses.json").read_text())


@pytest.fixture
def stdin(monkeypatch, tmp_path):
    content = paint(tmp_path / "in" / "a.png", [RED]).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    return content


def test_standard_input(multiposenet, fake_model, stdin, tmp_path):
    out = tmp_path / "out"
    status, _, errors = multiposenet("predict", "-", "--out", out)
    assert (status, errors) == (0, []) and names(out) == [RECORD, "poses.json", "stdin.png"]
    (row,) = results(out)
    assert row["file_name"] == "stdin"
    np.testing.assert_allclose(row["bbox"], [20, 24, 32, 80], atol=0.5)
    before = (out / "stdin.png").stat().st_mtime_ns
    sys.stdin.buffer.seek(0)
    assert multiposenet("predict", "-", "--out", out, "--resume")[0] == 0
    assert (out / "stdin.png").stat().st_mtime_ns == before  # known by its content
    sys.stdin.buffer = io.BytesIO(b"")
    status, _, errors = multiposenet("predict", "-", "--out", out)
    assert status == 2
    assert_one_line(errors, "stdin: file: is empty")


def test_an_address(multiposenet, fake_model, server, tmp_path):
    server.body = paint(tmp_path / "a.png", [RED]).read_bytes()
    out = tmp_path / "out"
    status, _, errors = multiposenet("predict", server.url, server.url + "s", "--out", out)
    assert status == 1 and names(out) == [RECORD, "file.png", "poses.json"]
    assert_one_line(errors, f"{server.url}s: url: answers 404")
    assert [row["file_name"] for row in results(out)] == ["file"]


@pytest.mark.parametrize(
    "path, name",
    [
        ("a/b%20c.jpg?x=1#y", "b c.jpg"),
        ("%2e%2e", "page"),
        ("", "page"),
        ("a%00b%1b[2J%0a.png", "ab[2J.png"),
        ("..%5C..%5Cc:d.jpg", "cd.jpg"),
        ("%2Fetc%2Fpasswd", "passwd"),
        ("x" * 5000 + ".jpg", "x" * 96 + ".jpg"),
    ],
)
def test_names_of_addresses_lead_nowhere_else(path, name):
    assert photo_list._name_of(f"https://example.org/{path}") == name


def test_addresses_that_are_none(multiposenet, fake_model, tmp_path):
    status, _, errors = multiposenet("predict", "http://[", "--out", tmp_path / "out")
    assert status == 2
    assert_one_line(errors, "http://[: url: ")


def test_folders_below_have_names_within_their_source(multiposenet, fake_model, tmp_path):
    for name in ("1.png", "x/2.png", "x/y/2.png"):
        paint(tmp_path / "in" / name, [RED])
    out = tmp_path / "out"
    assert multiposenet("predict", tmp_path / "in", "--out", out)[0] == 0
    assert [row["file_name"] for row in results(out)] == ["1.png"]
    assert multiposenet("predict", tmp_path / "in", "--recursive", "--out", out)[0] == 0
    assert [row["file_name"] for row in results(out)] == ["1.png", "x/2.png", "x/y/2.png"]
    assert names(out) == [RECORD, "1.png", "2-2.png", "2.png", "poses.json"]


def test_all_pages(multiposenet, fake_model, tmp_path):
    pages = [
        Image.open(paint(tmp_path / f"{n}.png", people)) for n, people in ((0, []), (1, [RED]))
    ]
    path, out = tmp_path / "a.tiff", tmp_path / "out"
    pages[0].save(path, save_all=True, append_images=[pages[1], pages[1]])
    run = ["predict", path, "--all-pages", "--out", out]
    assert multiposenet(*run)[0] == 0
    assert names(out) == [RECORD, "a-0.png", "a-1.png", "a-2.png", "poses.json"]
    found = [(row["image_id"], row["file_name"]) for row in results(out)]
    assert found == [(2, "a.tiff#1"), (3, "a.tiff#2")]
    (out / "a-1.png").unlink()
    before = results(out)
    assert multiposenet(*run, "--resume")[0] == 0 and (out / "a-1.png").exists()
    assert sorted(map(str, results(out))) == sorted(map(str, before))
    path.write_bytes(path.read_bytes()[:-3000])
    status, _, errors = multiposenet(*run)
    assert status in (1, 2) and errors


def test_names_that_are_alike_within_their_sources():
    here = photo_list.Path("/in")
    paths, own = [here / "a" / "1.jpg", here / "b" / "1.jpg"], [photo_list.Path("1.jpg")] * 2
    assert photo_list.file_names(paths, own, [None, None]) == ["a/1.jpg", "b/1.jpg"]
    assert photo_list.file_names(paths[:1] * 2, own, [0, 1]) == ["1.jpg#0", "1.jpg#1"]
    assert photo_list.file_names(["http://x/1", "http://y/1"], own, [None, None]) == [
        "http://x/1",
        "http://y/1",
    ]


@pytest.mark.parametrize("kind", ["jpg", "webp"])
def test_formats_of_pictures(multiposenet, fake_model, tmp_path, kind):
    photo, out = paint(tmp_path / "a.png"), tmp_path / "out"
    assert multiposenet("predict", photo, "--out", out, "--pictures", kind)[0] == 0
    assert names(out) == [RECORD, f"a.{kind}", "poses.json"]
    with Image.open(out / f"a.{kind}") as picture:
        assert picture.format == {"jpg": "JPEG", "webp": "WEBP"}[kind]


def test_no_pictures_and_going_on_without(multiposenet, fake_model, tmp_path):
    photos, out = [paint(tmp_path / f"{n}.png") for n in range(2)], tmp_path / "out"
    run = ["predict", "--out", out, "--pictures", "none"]
    status, told, _ = multiposenet(*run, photos[0])
    assert status == 0 and names(out) == [RECORD, "poses.json"] and "; poses.json in" in told
    calls = len(fake_model)
    assert multiposenet(*run, *photos, "--resume")[0] == 0
    assert len(results(out)) == 4 and len(fake_model) == calls + 1
    status, _, errors = multiposenet("predict", "--out", out, *photos, "--resume")
    assert status == 2
    assert_one_line(errors, "the results there are of pictures none, not png")


def test_layers(multiposenet, fake_model, tmp_path):
    photo, out = paint(tmp_path / "a.png", [RED, BLUE]), tmp_path / "out"

    def drawn(*options):
        assert multiposenet("predict", photo, "--out", out, *options)[0] == 0
        return read_image(out / "a.png").astype(int)

    black = read_image(photo).astype(int)
    everything = drawn()
    boxes, skeleton = drawn("--draw", "boxes"), drawn("--draw", "skeleton")
    assert (boxes != everything).any() and (skeleton != boxes).any() and (boxes != black).any()
    heated = drawn("--draw", "heatmaps")
    assert heated[64, 36].tolist() != black[64, 36].tolist() and (heated[:, 110:] == 0).all()
    assert (drawn("--draw", "skeleton", "--keypoint-score", "1") == black).all()
    with pytest.raises(SystemExit):
        multiposenet("predict", photo, "--draw", "hats")
    status, _, errors = multiposenet(
        "predict", photo, "--out", out, "--draw", "heatmaps", "--tta", "scales=1,2"
    )
    assert status == 2
    assert_one_line(errors, "--draw: heatmaps: are of MultiPoseNet alone")
