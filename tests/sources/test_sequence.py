"""Numbered images as a video."""

import clips
import numpy as np
import pytest
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.sources import frames, is_single, sequence, video


@pytest.fixture
def folder(tmp_path):
    for number in (7, 8, 9, 11, 10):  # as they are found
        Image.fromarray(clips.frame(number)).save(tmp_path / f"{number:06d}.png")
    (tmp_path / "12.png").write_text("has too few digits")
    (tmp_path / "000012.jpg").write_text("is of another kind")
    return tmp_path


def test_frames_in_the_order_of_their_numbers(folder):
    pattern = folder / "%06d.png"
    assert video.is_video(pattern) and video.is_video(str(pattern)) and not is_single(pattern)
    found = list(frames(pattern))
    assert [frame.index for frame in found] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in found] == [0, 0.04, 0.08, 0.12, 0.16]
    assert all((frame.image == clips.frame(n)).all() for n, frame in enumerate(found, 7))
    assert found[1].name == f"{pattern}[1]" and found[1].origin["image"] is found[1].image
    about = video.about(pattern)
    assert (about.size, about.frames, about.rate, about.has_sound) == (clips.SIZE, 5, 25, False)


def test_which_frames(folder):
    def wanted(**cut):
        return [round(25 * frame.time) for frame in frames(str(folder / "%06d.png"), **cut)]

    assert wanted(every=2) == [0, 2, 4] and wanted(start=0.08) == [2, 3, 4]
    assert wanted(start=0.04, end=0.12) == [1, 2]


def test_what_is_left_out_or_damaged_keeps_the_time_of_the_others(folder):
    (folder / "000008.png").unlink()
    (folder / "000010.png").write_text("no image")
    found = list(frames(folder / "%06d.png"))
    assert isinstance(found[2], InputError) and str(found.pop(2)).startswith(f"{folder}/000010.png")
    np.testing.assert_allclose([frame.time for frame in found], [0, 0.08, 0.16])


def test_numbers_without_zeros(tmp_path):
    for number in (9, 10, 100):
        Image.fromarray(clips.frame(0)).save(tmp_path / f"a[{number}].png")
    (tmp_path / "a[011].png").write_text("has a zero")
    found = sequence.numbered(tmp_path / "a[%d].png")
    assert [number for number, _ in found] == [9, 10, 100]


def test_what_is_no_pattern(tmp_path):
    for name in ("a.png", "%d%d.png", "100%.png", "%s.png", "%0999d.png", "%06d/a.png"):
        assert not sequence.is_sequence(tmp_path / name)
    assert not sequence.is_sequence("https://a.org/%20d%d.png") and not sequence.is_sequence(0)
    (tmp_path / "%d.png").write_text("")
    assert not sequence.is_sequence(tmp_path / "%d.png")  # it is there


def test_nothing_there(tmp_path):
    (error,) = frames(tmp_path / "%04d.png")
    assert str(error).endswith("pattern: matches no files; they are to be called as 0000.png")
    (error,) = frames(tmp_path / "none" / "%04d.png")
    assert "folder: No such file or directory; check the path" in str(error)
