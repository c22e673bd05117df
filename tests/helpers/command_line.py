"""What the command-line tests share: painted photos and the check of error lines."""

from pathlib import Path

import numpy as np
from PIL import Image

RED, BLUE = (20, 24, 52, 104), (60, 40, 92, 72)  # x1, y1, x2, y2 in a photo of 128 x 128


def paint(path: Path, people=(RED, BLUE)) -> Path:
    """A black photo with the rectangles that the fake model finds."""
    image = np.zeros((128, 128, 3), np.uint8)
    for colour, (x1, y1, x2, y2) in zip(((255, 0, 0), (0, 0, 255)), people, strict=False):
        image[y1:y2, x1:x2] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def names(folder: Path) -> list[str]:
    """Names of what a folder holds, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def assert_one_line(errors, *parts):
    """Asserts that stderr is one line which has all the parts in it."""
    assert len(errors) == 1, errors
    for part in ("multiposenet: ", *parts):
        assert str(part) in errors[0]
