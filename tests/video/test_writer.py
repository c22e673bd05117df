"""Drawn videos: times, sizes and sound, read back."""

import clips
import numpy as np
import pytest

from multiposenet.video.writer import VideoWriter

pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")


def copy(path, images, times, **options):
    writer = VideoWriter(path, **options)
    for image, time in zip(images, times, strict=True):
        writer.write(image, time)
    writer.close()
    return clips.read(path)


def test_images_and_times(tmp_path):
    images, times = [clips.frame(number) for number in range(4)], [0, 0.04, 0.5, 0.6]
    found_times, found, kinds, _ = copy(tmp_path / "a.mp4", images, times)
    np.testing.assert_allclose(found_times, times, atol=1e-3)
    assert kinds == ["video"]
    for image, again in zip(images, found, strict=True):
        assert np.abs(image.astype(int) - again).mean() < 4


def test_browsers_can_play_it(tmp_path):
    import av

    copy(tmp_path / "a.mp4", [clips.frame(0)] * 3, [0, 0.1, 0.2])
    with av.open(str(tmp_path / "a.mp4")) as file:
        context = file.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (5, 1)  # BT.601, of a limited range
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # it plays while it is loaded


def test_odd_and_changing_sizes(tmp_path):
    odd = np.full((33, 47, 3), 200, np.uint8)
    _, found, *_ = copy(tmp_path / "a.mp4", [odd, np.full((80, 90, 3), 200, np.uint8)], [0, 1])
    assert [image.shape for image in found] == [(32, 46, 3)] * 2
    assert all(np.abs(image.astype(int) - 200).max() < 10 for image in found)


@pytest.mark.parametrize("colour", [(255, 0, 0), (20, 180, 90), (30, 60, 250), (255, 255, 255)])
def test_colours_stay(tmp_path, colour):
    """Also in the size of HD, for which players guess other ones."""
    _, (found,), *_ = copy(tmp_path / "a.mp4", [np.full((720, 1280, 3), colour, np.uint8)], [0])
    assert np.abs(found.astype(int) - colour).max() <= 4


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("avi", "pcm_s16le")])
def test_the_sound_is_kept(tmp_path, suffix, codec):
    source = clips.write(tmp_path / f"in.{suffix}", 50, sound=codec)
    images, times = [clips.frame(0)] * 50, np.arange(50) / 25
    *_, kinds, seconds = copy(tmp_path / "a.mp4", images, times, sound=source)
    assert kinds == ["video", "audio"] and seconds == pytest.approx(2, abs=0.3)
    late = {"sound": source, "start": 1.0}
    found, _, _, seconds = copy(tmp_path / "b.mp4", images[25:], times[25:], **late)
    assert found[0] == pytest.approx(0, abs=0.01) and seconds == pytest.approx(1, abs=0.3)


def test_a_source_without_sound(tmp_path):
    source = clips.write(tmp_path / "in.mp4", 5)
    *_, kinds, _ = copy(tmp_path / "a.mp4", [clips.frame(0)] * 2, [0, 1], sound=source)
    assert kinds == ["video"]
