"""live: a window or a page, and one clear line where there is no camera."""

import time

import cv2
import numpy as np
import pytest
from command_line import assert_one_line
from rectangles import rectangle_finder

from multiposenet.live import stream_page, window
from multiposenet.systems import estimator


class Camera:
    """Gives frames of a red rectangle until it is unplugged."""

    there, opened = True, []

    def __init__(self, number):
        self.opened.append(number)

    def isOpened(self):
        return self.there

    def read(self):
        time.sleep(0.001)
        if not self.there:
            return False, None
        image = np.zeros((128, 128, 3), np.uint8)
        image[24:104, 20:52, 2] = 255  # OpenCV's order
        return True, image

    def release(self):
        pass


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(Camera, "opened", [])
    monkeypatch.setattr(Camera, "there", True)
    monkeypatch.setattr(estimator, "load", lambda name, **options: rectangle_finder())
    return Camera


def test_no_camera(multiposenet, camera, monkeypatch):
    monkeypatch.setattr(camera, "there", False)
    status, told, errors = multiposenet("live", "3")
    assert (status, told, camera.opened) == (2, "", [3])
    assert_one_line(errors, "3: camera: there is none, or another program has it; connect one")


def test_a_number_that_no_camera_has(multiposenet):
    status, _, errors = multiposenet("live", "999999999999")
    assert status == 2
    assert_one_line(errors, "999999999999: camera: there is none")


def test_what_is_no_camera(multiposenet, tmp_path):
    (tmp_path / "a.mp4").write_text("")
    status, _, errors = multiposenet("live", tmp_path / "a.mp4")
    assert status == 2
    assert_one_line(errors, "a.mp4: camera: is a file; predict draws it; give a number")
    _, _, errors = multiposenet("live", "front-door")
    assert_one_line(errors, "front-door: camera: is no camera; give a number, such as 0, or rtsp:")


def test_as_a_page_where_there_is_no_window(multiposenet, camera, monkeypatch):
    shown, show = [], stream_page.StreamPage.show
    monkeypatch.setattr(window, "reason_against", lambda: "there is no screen")

    def show_and_unplug(page, image):
        shown.append(image)
        camera.there = False
        return show(page, image)

    monkeypatch.setattr(stream_page.StreamPage, "show", show_and_unplug)
    status, told, errors = multiposenet("live", "--port", "0")
    assert told.startswith("no window (there is no screen): look at http://127.0.0.1:")
    assert status == 1 and len(shown) >= 1
    assert_one_line(errors, "0: camera: gives no more frames; connect it again")


def test_in_a_window(multiposenet, camera, monkeypatch):
    shown, closed = [], []
    monkeypatch.setattr(window, "reason_against", lambda: None)
    monkeypatch.setattr(window, "show", lambda image: shown.append(image))  # None: closed
    monkeypatch.setattr(window, "close", lambda: closed.append(True))
    status, told, errors = multiposenet("live", "0", "--draw", "skeleton", "--smooth")
    assert (status, told, errors) == (0, "", [])
    assert len(shown) == 1 and closed == [True]
