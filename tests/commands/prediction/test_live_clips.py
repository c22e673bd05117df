"""predict on cameras, streams and numbered images."""

import json

import cameras
import clips
import numpy as np
import pytest
from command_line import assert_one_line, names
from PIL import Image

from multiposenet.commands.prediction.folder import RECORD
from multiposenet.systems import estimator

pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(out, name, count):
    """A line and a picture for each frame, where the rectangle is."""
    found = lines(out / f"{name}.jsonl")
    assert [line["frame"] for line in found] == list(range(count))
    lefts = [line["people"][0]["box"][0] for line in found]
    np.testing.assert_allclose(lefts, 10 + 2 * np.arange(count), atol=1.5)
    times, images, *_ = clips.read(out / f"{name}.mp4")
    expected = np.array([line["time"] for line in found])
    np.testing.assert_allclose(times, expected - expected[0], atol=2e-3)
    assert len(images) == count
    assert set(names(out)) == {RECORD, f"{name}.jsonl", f"{name}.mp4", "poses.json"}


def test_a_camera(multiposenet, fake_model, tmp_path, monkeypatch):
    cameras.plugged_in(monkeypatch, frames=5)
    out = tmp_path / "out"
    status, told, errors = multiposenet("predict", "0", "--out", out)
    assert status == 1 and "0: frames: 5, people: 5; camera-0.jsonl and camera-0.mp4" in told
    assert_one_line(errors, "0: camera: gives no more frames; connect it again")
    check(out, "camera-0", 5)
    found = [item for item in estimator.load("fake").stream(0, track=True)]
    assert [people.ids.tolist() for _, people in found[:-1]] == [[1]] * 5


def test_no_camera(multiposenet, fake_model, tmp_path, monkeypatch):
    cameras.plugged_in(monkeypatch, there=False)
    status, told, errors = multiposenet("predict", "1", "--out", tmp_path / "out")
    assert (status, told) == (2, "")
    assert_one_line(errors, "1: camera: there is none, or another program has it; connect one")


def test_a_stream(multiposenet, fake_model, tmp_path):
    out = tmp_path / "out"
    with cameras.rtsp(6) as address:
        status, told, errors = multiposenet("predict", address, "--out", out)
    assert (status, errors) == (0, []) and f"{address}: frames: 6, people: 6; door.jsonl" in told
    check(out, "door", 6)


def test_no_stream(multiposenet, fake_model, tmp_path):
    status, told, errors = multiposenet("predict", "rtsp://127.0.0.1:9/a", "--out", tmp_path / "o")
    assert (status, told) == (2, "")
    assert_one_line(errors, "rtsp://127.0.0.1:9/a: stream: Connection refused; check that it is")


def test_numbered_images(multiposenet, fake_model, tmp_path):
    folder, out = tmp_path / "walk.v2", tmp_path / "out"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(clips.frame(number)).save(folder / f"{number:06d}.png")
    run = ["predict", folder / "%06d.png", "--out", out]
    status, told, errors = multiposenet(*run)
    assert (status, errors) == (0, []) and "frames: 5, people: 5; walk.v2.jsonl and walk" in told
    check(out, "walk.v2", 5)
    assert multiposenet(*run, "--resume")[:2] == (0, "")  # is done
    Image.fromarray(clips.frame(5)).save(folder / "000005.png")
    assert "frames: 6" in multiposenet(*run, "--resume")[1]
    (folder / "000002.png").write_text("no image")
    status, told, errors = multiposenet(*run)
    assert status == 1 and "frames: 5" in told and len(errors) == 1
    assert [line["time"] for line in lines(out / "walk.v2.jsonl")] == [0, 0.04, 0.12, 0.16, 0.2]


def test_a_turned_clip_of_variable_rate(multiposenet, fake_model, tmp_path):
    times = [0, 0.04, 0.2, 0.24]
    stored = [np.rot90(clips.frame(number)) for number in range(4)]
    path, out = clips.write(tmp_path / "a.mp4", stored, times), tmp_path / "out"
    clips.turn(path, 90)
    assert multiposenet("predict", path, "--out", out)[0] == 0
    check(out, "a", 4)
    assert [line["time"] for line in lines(out / "a.jsonl")] == pytest.approx(times, abs=1e-3)


def test_a_damaged_frame(multiposenet, fake_model, tmp_path):
    path, out = clips.write(tmp_path / "a.mp4", 30), tmp_path / "out"
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + len(content) // 3
    content[middle : middle + 60] = bytes(60)
    path.write_bytes(content)
    status, told, errors = multiposenet("predict", path, "--out", out)
    count = 30 - len(errors)
    assert status == 1 and 27 <= count < 30 and f"frames: {count}," in told
    assert all(": frame: damaged at " in error for error in errors)
    assert len(clips.read(out / "a.mp4")[0]) == len(lines(out / "a.jsonl")) == count
