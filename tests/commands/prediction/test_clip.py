"""predict on videos: a line a frame, a drawn video with its sound, whatever ends the run."""

import json
import sys

import clips
import numpy as np
import pytest
from command_line import assert_one_line, names, paint

from multiposenet import formats
from multiposenet.commands.prediction.folder import RECORD
from multiposenet.poses import Poses
from multiposenet.sources import frames
from multiposenet.systems import estimator

pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "in").mkdir()
    return clips.write(tmp_path / "in" / "a.mp4", 12, sound="aac")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_and_a_picture_for_each_frame(multiposenet, fake_model, clip, tmp_path):
    out = tmp_path / "out"
    status, told, errors = multiposenet("predict", clip, "--out", out)
    assert (status, errors) == (0, [])
    assert told == f"{clip}: frames: 12, people: 12; a.jsonl and a.mp4 in {out}\n"
    assert names(out) == [RECORD, "a.jsonl", "a.mp4", "poses.json"]
    found = lines(out / "a.jsonl")
    assert [line["frame"] for line in found] == list(range(12))
    np.testing.assert_allclose([line["time"] for line in found], np.arange(12) / 25, atol=1e-5)
    for number, line in enumerate(found):
        (person,) = line["people"]
        expected = [10 + 2 * number, 24, 42 + 2 * number, 104]
        np.testing.assert_allclose(person["box"], expected, atol=1.5)
        assert set(person["keypoints"]) == {"neck", "left_hip", "right_hip"}
    times, images, kinds, seconds = clips.read(out / "a.mp4")
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=1e-3)
    assert kinds == ["video", "audio"] and seconds == pytest.approx(0.48, abs=0.3)
    drawn = [np.abs(i.astype(int) - clips.frame(n)).mean() for n, i in enumerate(images)]
    assert min(drawn) > 4


def test_lines_are_what_a_call_finds_on_each_frame(multiposenet, fake_model, clip, tmp_path):
    multiposenet("predict", clip, "--out", tmp_path / "out", "--pictures", "none")
    pose = estimator.load("fake")
    for frame, line in zip(frames(clip), lines(tmp_path / "out" / "a.jsonl"), strict=True):
        people = json.loads(json.dumps(formats.people(pose(frame.image))))
        assert line == {"frame": frame.index, "time": round(frame.time, 6), "people": people}


def test_tracked(multiposenet, fake_model, clip, tmp_path):
    out = tmp_path / "out"
    assert multiposenet("predict", clip, "--out", out, "--track", "--smooth")[0] == 0
    assert [line["people"][0]["id"] for line in lines(out / "a.jsonl")] == [1] * 12
    status, _, errors = multiposenet("predict", clip, "--out", out, "--smooth")
    assert status == 2
    assert_one_line(errors, "--smooth: is of people who are tracked; add --track")


def test_cuts_and_photos_beside(multiposenet, fake_model, clip, tmp_path):
    photo, out = paint(tmp_path / "b.png"), tmp_path / "out"
    cut = ["--every", "2", "--start", "0:0.08", "--end", "0.4"]
    status, told, _ = multiposenet("predict", clip, photo, "--out", out, *cut)
    assert status == 0 and "frames: 4," in told and "photos: 1, people: 2;" in told
    assert [line["time"] for line in lines(out / "a.jsonl")] == [0.08, 0.16, 0.24, 0.32]
    assert clips.read(out / "a.mp4")[0] == pytest.approx([0, 0.08, 0.16, 0.24], abs=1e-3)
    status, _, errors = multiposenet("predict", clip, "--out", out, "--end", "1", "--start", "2")
    assert status == 2
    assert_one_line(errors, "--end: 1 s are not behind --start")


def test_no_pictures_and_names_that_are_taken(multiposenet, fake_model, clip, tmp_path):
    out = tmp_path / "out"
    assert multiposenet("predict", clip, "--out", out, "--pictures", "none")[0] == 0
    assert names(out) == [RECORD, "a.jsonl", "poses.json"]
    (out / "a.jsonl").write_text("of somebody else")
    assert multiposenet("predict", clip, "--out", out, "--pictures", "none")[0] == 0
    assert names(out) == [RECORD, "a-2.jsonl", "a.jsonl", "poses.json"]
    assert (out / "a.jsonl").read_text() == "of somebody else"
    beside = clip.parent
    assert multiposenet("predict", clip, "--out", beside)[0] == 0
    assert names(beside) == [RECORD, "a-2.jsonl", "a-2.mp4", "a.mp4", "poses.json"]


def test_going_on(multiposenet, fake_model, clip, tmp_path):
    out, run = tmp_path / "out", ["predict", clip, "--out", tmp_path / "out"]
    multiposenet(*run)
    before = (out / "a.mp4").stat().st_mtime_ns
    assert multiposenet(*run, "--resume")[:2] == (0, "")
    assert (out / "a.mp4").stat().st_mtime_ns == before
    (out / "a.jsonl").unlink()
    assert multiposenet(*run, "--resume")[0] == 0 and len(lines(out / "a.jsonl")) == 12


def test_an_interrupted_clip_is_whole_up_to_there(
    multiposenet, fake_model, clip, tmp_path, monkeypatch
):
    draw, out = Poses.draw, tmp_path / "out"

    def interrupted(self, path=None, image=None, **options):
        if self.source.endswith("[8]"):
            raise KeyboardInterrupt
        return draw(self, path, image, **options)

    monkeypatch.setattr(Poses, "draw", interrupted)
    status, _, errors = multiposenet("predict", clip, "--out", out)
    assert status == 130
    assert_one_line(errors, f"{clip}: interrupted: ", "frames are done, in a.jsonl and a.mp4")
    done = len(lines(out / "a.jsonl"))
    assert 1 <= done <= 8 and len(clips.read(out / "a.mp4")[0]) == done
    assert names(out) == [RECORD, "a.jsonl", "a.mp4", "poses.json"]


def test_what_is_damaged_is_told_and_counts(multiposenet, fake_model, clip, tmp_path):
    broken, out = clip.parent / "b.mp4", tmp_path / "out"
    broken.write_bytes(clip.read_bytes()[:200])
    status, told, errors = multiposenet("predict", broken, clip, "--out", out)
    assert status == 1 and "a.mp4: frames: 12" in told
    assert_one_line(errors, "b.mp4: file: ")
    assert names(out) == [RECORD, "a.jsonl", "a.mp4", "poses.json"]
    assert multiposenet("predict", broken, "--out", tmp_path / "none")[0] == 2
    whole = clips.write(clip.parent / "c.mkv", 75)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    status, told, errors = multiposenet("predict", whole, "--out", out)
    assert status == 1 and errors and 10 < len(lines(out / "c.jsonl")) < 75
    assert len(clips.read(out / "c.mp4")[0]) == len(lines(out / "c.jsonl"))


def test_without_pyav(multiposenet, fake_model, clip, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    status, _, errors = multiposenet("predict", clip, "--out", tmp_path / "out")
    assert status == 2
    assert_one_line(errors, "a.mp4: video: PyAV is not installed; pip install multiposenet[video]")
