"""Videos: every frame at its time, upright; what is damaged costs itself."""

import os
import re
from types import SimpleNamespace

import clips
import numpy as np
import pytest
from coloured_images import error_of

from multiposenet.errors import InputError
from multiposenet.sources import Limits, frames, is_single, video

pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.write(tmp_path_factory.mktemp("clip") / "a.mp4")


def left(image):
    """Where the red rectangle begins."""
    return int(np.argmax(image[64, :, 0] > 128))


def good(found):
    return [item for item in found if not isinstance(item, InputError)]


def errors(found):
    return [str(item) for item in found if isinstance(item, InputError)]


def test_frames_with_numbers_and_times(clip):
    found = list(frames(clip))
    assert not is_single(clip) and video.is_video(clip) and video.is_video(str(clip))
    assert [frame.index for frame in found] == list(range(20))
    np.testing.assert_allclose([frame.time for frame in found], np.arange(20) / 25, atol=1e-6)
    assert [left(frame.image) for frame in found] == [10 + 2 * n for n in range(20)]
    assert found[3].name == f"{clip}[3]" and found[3].path == clip
    assert found[3].origin == {"source": found[3].name, "image": found[3].image}
    assert np.abs(found[7].image.astype(int) - clips.frame(7)).mean() < 3


def test_which_frames(clip):
    def wanted(**cut):
        return [round(25 * frame.time) for frame in frames(clip, **cut)]

    assert wanted(every=4) == [0, 4, 8, 12, 16]
    assert wanted(start=0.28) == list(range(7, 20))  # between two frames that stand alone
    assert wanted(start=0.28, end=0.4) == [7, 8, 9]
    assert wanted(start=0.2, every=3) == [5, 8, 11, 14, 17]
    assert wanted(end=0.1) == [0, 1, 2] and wanted(start=5) == []
    assert [frame.index for frame in frames(clip, start=0.28)][:2] == [0, 1]
    for cut, told in (({"every": 0}, "every: 0"), ({"start": -1}, "start"), ({"end": 0}, "end")):
        with pytest.raises(ValueError, match=told):
            list(frames(clip, **cut))


def test_a_variable_rate_is_kept(tmp_path):
    times = [0, 0.04, 0.1, 0.5, 0.52, 2.0]
    path = clips.write(tmp_path / "a.mkv", 6, times)
    np.testing.assert_allclose([frame.time for frame in frames(path)], times, atol=1e-3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_upright(tmp_path, degrees):
    images = [np.zeros((64, 96, 3), np.uint8) for _ in range(3)]
    for image in images:
        image[:20, :30] = 255  # the upper left corner as stored
    path = clips.write(tmp_path / "a.mp4", images)
    clips.turn(path, degrees)
    found = next(frames(path)).image
    # A matrix (0, 1, -1, 0) takes x to y: clockwise by a quarter.
    expected = np.rot90(images[0], -degrees // 90)
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 3
    assert video.about(path).size == found.shape[:2]


def test_a_damaged_frame_costs_itself(tmp_path):
    path = clips.write(tmp_path / "a.mp4", 30)
    content = bytearray(path.read_bytes())
    data = content.index(b"mdat")
    middle = data + (len(content) - data) // 3
    content[middle : middle + 60] = bytes(60)
    path.write_bytes(content)
    found = list(frames(path))
    assert 1 <= len(errors(found)) <= 3
    told = [re.match(r".*a.mp4: frame: damaged at (.*?) s \(", error) for error in errors(found)]
    damaged = [round(25 * float(match[1])) for match in told]
    assert {round(25 * frame.time) for frame in good(found)} ^ set(range(30)) == set(damaged)
    next_key = (damaged[-1] // 5 + 1) * 5
    times = [(f, round(25 * f.time)) for f in good(found)]
    whole = [(f, n) for f, n in times if n < damaged[0] or n >= next_key]
    assert [left(f.image) for f, _ in whole] == [10 + 2 * n for _, n in whole]
    assert len(whole) > 15 and not errors(frames(path, end=damaged[0] / 25))


def test_a_file_that_ends_early_gives_what_it_has(tmp_path):
    whole = clips.write(tmp_path / "whole.mkv", 75)
    path = tmp_path / "a.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    found = list(frames(path))
    assert 10 < len(good(found)) < 60
    assert isinstance(found[-1], InputError) and len(errors(found)) <= 3
    assert any(word in str(found[-1]) for word in ("ends at", "breaks off", "damaged"))


def test_what_is_no_video(tmp_path):
    def read(path):
        raise next(item for item in frames(path) if isinstance(item, InputError))

    (tmp_path / "a.mp4").write_text("text")
    assert "a.mp4: file: " in error_of(read, tmp_path / "a.mp4")
    assert "b.mp4: file: No such file" in error_of(read, tmp_path / "b.mp4")
    sound = clips.write(tmp_path / "c.mp4", 5)
    sound.write_bytes(sound.read_bytes()[:300])
    assert "c.mp4: file: " in error_of(read, sound)


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile real.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 32\n",
    ],
    ids=["concat", "playlist", "session"],
)
def test_a_file_makes_no_other_be_opened(clip, tmp_path, content):
    (tmp_path / "real.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "a.mp4").write_text(content)
    (error,) = frames(tmp_path / "a.mp4")
    assert isinstance(error, InputError) and "a.mp4: file: " in str(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    (error,) = frames(tmp_path / "a.mp4")
    assert "a.mp4: file: is not a regular file" in str(error)


def test_frames_that_become_too_large(clip):
    size = next(iter(frames(clip))).image.shape
    found = list(video.read(clip, video.Cut(), Limits(side=max(size[:2]))))
    assert found and not errors(found)
    assert video._beyond(Limits(side=100), SimpleNamespace(width=101, height=50), clip)


def test_streams_and_cameras_are_live():
    assert video.is_live("rtsp://camera/1") and video.is_live(0)
    assert not video.is_live("a.mp4") and not video.is_video(True) and not video.is_video(b"0")
    assert not video.is_video("a.jpg")
