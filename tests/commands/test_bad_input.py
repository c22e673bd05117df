"""Bad input: one line on stderr, the exit status, other inputs done, nothing half-written."""

import hashlib
import io
import json
import struct
import zlib

import numpy as np
import pytest
from command_line import assert_one_line, names, paint
from PIL import Image

from multiposenet import zoo
from multiposenet.commands.prediction.folder import RECORD


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def truncated_jpeg() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()[: stream.tell() // 2]


BAD = {
    "missing": (None, "No such file"),
    "truncated": (truncated_jpeg(), "damaged"),
    "text": (b"this is not an image\n", "not an image"),
    "empty": (b"", "empty"),
    "1x1": (png_header(1, 1), "1x1"),
    "20000x20000": (png_header(20_000, 20_000), "20000x20000"),
    "bomb": (png_header(60_000, 60_000), "60000x60000|pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_photo_is_named_and_the_others_are_done(kind, multiposenet, fake_model, tmp_path):
    content, problem = BAD[kind]
    bad, good = tmp_path / f"{kind}.jpg", paint(tmp_path / "good.png")
    if content is not None:
        bad.write_bytes(content)
    out = tmp_path / "out"
    status, _, errors = multiposenet("predict", bad, good, "--out", out)
    assert status == 1
    assert_one_line(errors, bad)
    assert any(word in errors[0] for word in problem.split("|"))
    assert names(out) == [RECORD, "good.png", "poses.json"]
    assert len(json.loads((out / "poses.json").read_text())) == 2


@pytest.mark.parametrize("kind", BAD)
def test_nothing_but_a_bad_photo(kind, multiposenet, fake_model, tmp_path):
    bad = tmp_path / f"{kind}.jpg"
    if BAD[kind][0] is not None:
        bad.write_bytes(BAD[kind][0])
    out = tmp_path / "out"
    status, text, errors = multiposenet("predict", bad, "--out", out, "--json", tmp_path / "r.json")
    assert (status, text) == (2, "")
    assert_one_line(errors, bad)
    assert names(out) == []
    assert not (tmp_path / "r.json").exists()


def test_a_folder_without_images(multiposenet, fake_model, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("no image")
    status, _, errors = multiposenet("predict", tmp_path / "none", "--out", tmp_path / "out")
    assert status == 2 and fake_model == []
    assert_one_line(errors, tmp_path / "none")
    good = paint(tmp_path / "good.png")
    status, _, errors = multiposenet("predict", tmp_path / "none", good, "--out", tmp_path / "out")
    assert status == 1
    assert_one_line(errors, tmp_path / "none")
    assert names(tmp_path / "out") == [RECORD, "good.png", "poses.json"]


@pytest.mark.parametrize("verb", ["predict", "evaluate", "summary"])
def test_an_unknown_model(verb, multiposenet, tmp_path):
    photo = paint(tmp_path / "photos" / "a.png")
    source = {"predict": [photo, "--out", tmp_path / "out"], "summary": []}
    source["evaluate"] = ["--images", photo.parent]
    status, text, errors = multiposenet(verb, *source[verb], "--model", "multiposenet-nanu")
    assert (status, text) == (2, "")
    assert_one_line(errors, "multiposenet-nanu: model: unknown name")
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == []


def test_weights_with_a_wrong_sha256(multiposenet, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "m.weights.h5").write_bytes(b"damaged")
    entry = {"architecture": {"backbone": "nano"}, "file": "m.weights.h5", "url": None}
    entry["sha256"] = hashlib.sha256(b"intact").hexdigest()
    (weights / "manifest.json").write_text(json.dumps({"format": 1, "models": {"m": entry}}))
    monkeypatch.setattr(zoo, "_folder", lambda: weights)
    zoo._manifest.cache_clear()
    try:
        photo = paint(tmp_path / "a.png")
        status, _, errors = multiposenet("predict", photo, "--model", "m", "--out", tmp_path / "o")
    finally:
        zoo._manifest.cache_clear()
    assert status == 2
    assert_one_line(errors, weights / "m.weights.h5", "sha256")
    assert names(tmp_path / "o") == []


@pytest.mark.parametrize("where", ["out", "json"])
def test_an_output_that_cannot_be_written_is_found_before_the_work(
    where, multiposenet, fake_model, tmp_path
):
    photo, blocked = paint(tmp_path / "a.png"), tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    places = {"out": tmp_path / "out", "json": tmp_path / "r.json"} | {where: blocked / "x"}
    status, _, errors = multiposenet(
        "predict", photo, "--out", places["out"], "--json", places["json"]
    )
    assert status == 2 and fake_model == []
    assert_one_line(errors, blocked, "output folder")


@pytest.mark.parametrize(
    "given, problem",
    [
        (("--tta", "scales=0"), "--tta: scales: 0; give factors from"),
        (("--tta", "turn"), "--tta: 'turn'; give scales="),
        (("--ensemble", "none"), "--ensemble: 'none' is unknown; name some of"),
    ],
)
def test_more_looks_that_cannot_be(given, problem, multiposenet, fake_model, tmp_path):
    status, _, errors = multiposenet(
        "predict", paint(tmp_path / "a.png"), *given, "--out", tmp_path
    )
    assert status == 2
    assert_one_line(errors, problem)


def test_several_looks_are_told(multiposenet, fake_model, tmp_path):
    status, text, errors = multiposenet(
        "predict", paint(tmp_path / "a.png"), "--tta", "scales=1,flip", "--out", tmp_path / "out"
    )
    assert (status, errors) == (0, []) and "people: 2, tta scales=1,flip; " in text
