"""A window on the screen, where OpenCV has one."""

import os
import re
import sys
from contextlib import suppress

import cv2
import numpy as np

_TITLE = "multiposenet: q ends"
_ENDS = (ord("q"), 27)  # Escape


def reason_against() -> str | None:
    """Why there can be no window, in a few words; None if there can be one.

    OpenCV's build with windows ends the whole process where there is no screen, so that this is
    found out before it is asked for one.
    """
    toolkit = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.M)
    if toolkit is None or toolkit[1] == "NONE":
        return "this OpenCV is the one without windows"
    if sys.platform.startswith("linux"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return "there is no screen"
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL)
    except cv2.error:
        return "OpenCV cannot open one"
    return None


def show(image: np.ndarray) -> bool:
    """Shows an image; tells whether the window is still wanted.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    cv2.imshow(_TITLE, image[..., ::-1])
    if cv2.waitKey(1) & 0xFF in _ENDS:
        return False
    return cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1


def close() -> None:
    """Closes the window."""
    with suppress(cv2.error):
        cv2.destroyAllWindows()
