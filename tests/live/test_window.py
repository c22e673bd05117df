"""Whether there can be a window is found out before OpenCV is asked for one."""

import cv2
import numpy as np
import pytest

from multiposenet.live import window


@pytest.fixture
def opencv(monkeypatch):
    """An OpenCV with windows, and a screen; what was shown."""
    shown = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      QT5\n    QT:    YES\n")
    monkeypatch.setattr(cv2, "namedWindow", lambda *options: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda milliseconds: -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *options: 1.0)
    return shown


def test_headless(opencv, monkeypatch):
    assert window.reason_against() is None
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      NONE\n")
    assert window.reason_against() == "this OpenCV is the one without windows"


def test_no_screen(opencv, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert window.reason_against() == "there is no screen"


def test_no_window(opencv, monkeypatch):
    def fails(*options):
        raise cv2.error("no")

    monkeypatch.setattr(cv2, "namedWindow", fails)
    assert window.reason_against() == "OpenCV cannot open one"


def test_shown_until_a_key_or_the_end(opencv, monkeypatch):
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 255  # red
    assert window.show(image) and opencv[0][0, 0].tolist() == [0, 0, 255]
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *options: 0.0)
    assert not window.show(image)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *options: 1.0)
    monkeypatch.setattr(cv2, "waitKey", lambda milliseconds: ord("q"))
    assert not window.show(image)
    window.close()
