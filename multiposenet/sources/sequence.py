"""Numbered images as a video: `frames/%06d.png` is frames/000000.png, frames/000001.png..."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.sources.image_files import read_image, reason
from multiposenet.sources.pixels import Limits

RATE = 25
"""Numbers a second: what FFmpeg takes such images for."""

_PLACE = re.compile(r"%(?:0[0-9]{1,2})?d")


def is_sequence(source) -> bool:
    """Whether a source is a pattern of numbered files: a path with one `%d` or `%06d` in its name.

    A file that is called so is itself.
    """
    if not isinstance(source, (str, os.PathLike)) or "://" in str(source):
        return False
    return len(_PLACE.findall(Path(source).name)) == 1 and not os.path.exists(source)


def numbered(source: str | os.PathLike) -> list[tuple[int, Path]]:
    """Lists the files of a pattern with their numbers, in order; numbers may be left out.

    Args:
        source: the pattern: of `%06d` the numbers have six digits, with zeros in front.

    Raises:
        InputError: there is none, or the folder cannot be read.
    """
    pattern = Path(os.path.expanduser(source))
    place = _PLACE.search(pattern.name)
    before, after = pattern.name[: place.start()], pattern.name[place.end() :]
    names = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    try:
        found = [(names.fullmatch(path.name), path) for path in pattern.parent.iterdir()]
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: folder: {reason(error)}; check the path") from error
    found = [(int(match[1]), match[1], path) for match, path in found if match]
    found = sorted((number, path) for number, text, path in found if place[0] % number == text)
    if not found:
        first = before + place[0] % 0 + after
        raise InputError(f"{source}: pattern: matches no files; they are to be called as {first}")
    return found


def read(
    source: str | os.PathLike, start: float, limits: Limits
) -> Iterator[tuple[Callable[[], np.ndarray], float]]:
    """Reads a sequence as a video of `RATE` numbers a second.

    Args:
        source: the pattern.
        start: seconds behind the first number from which on images are wanted.
        limits: what each may cost.

    Yields:
        A function that reads the image, and raises the `InputError` of a bad one; and its seconds
        behind the first number.

    Raises:
        InputError: there is none.
    """
    files = numbered(source)
    for number, path in files:
        at = (number - files[0][0]) / RATE
        if at >= start - 1e-6:
            yield (lambda path=path: read_image(path, limits)), at
