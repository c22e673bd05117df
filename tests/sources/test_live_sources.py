"""Cameras and streams as sources, without a device: a class like OpenCV's, a server of RTSP."""

import cameras
import clips
import cv2
import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.sources import frames

RTSP = "rtsp://127.0.0.1:9/door"  # the port where nobody is


def test_a_camera(monkeypatch):
    camera = cameras.plugged_in(monkeypatch)
    *found, end = frames(0)
    assert [frame.index for frame in found] == [0, 1, 2, 3] and found[1].name == "0[1]"
    assert all((frame.image == clips.frame(n)).all() for n, frame in enumerate(found))
    times = [frame.time for frame in found]
    assert times == sorted(times) and 0 <= times[0] and times[-1] < 60
    assert str(end) == "0: camera: gives no more frames; connect it again"
    assert camera.opened == camera.released == [0]


def test_some_frames_of_a_camera(monkeypatch):
    camera = cameras.plugged_in(monkeypatch, frames=9)
    found = frames([1], every=3)
    assert [next(found).index for _ in range(3)] == [0, 3, 6]
    found.close()
    assert camera.opened == camera.released == [1]


def test_no_camera(monkeypatch):
    cameras.plugged_in(monkeypatch, there=False)
    (error,) = frames(2)
    assert str(error).startswith("2: camera: there is none, or another program has it; connect one")


def test_a_camera_of_no_driver(monkeypatch):
    def fails(number=None):
        if number is not None:
            raise cv2.error("no driver")
        return cameras.Camera.__new__(type("None", (cameras.Camera,), {"there": False}))

    camera = cameras.plugged_in(monkeypatch, there=False)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *n: fails(*n) if n else camera())
    (error,) = frames(0)
    assert "0: camera: there is none" in str(error)


def test_a_stream():
    pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")
    with cameras.rtsp(5) as address:
        found = [item for item in frames(address) if not isinstance(item, InputError)]
    assert [frame.index for frame in found] == list(range(5))
    np.testing.assert_allclose([frame.time for frame in found], np.arange(5) / 25, atol=1e-3)
    differences = [np.abs(f.image.astype(int) - clips.frame(n)) for n, f in enumerate(found)]
    assert max(map(np.mean, differences)) < 4
    assert found[2].name == f"{address}[2]" and found[2].path is None


def test_a_stream_that_gives_two_frames_the_same_time():
    pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")
    with cameras.rtsp(4, ticks=0) as address:
        found = [item.time for item in frames(address) if not isinstance(item, InputError)]
    np.testing.assert_allclose(found, [0, 0.001, 0.04, 0.08], atol=1e-4)  # trackers need an order


def test_no_stream():
    pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")
    (error,) = frames(RTSP)
    told = str(error)
    assert told.startswith(f"{RTSP}: stream: Connection refused") and "its address" in told
