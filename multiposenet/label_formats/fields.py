"""Fields of objects in files of others, each checked as it is read."""

import math
from pathlib import Path
from typing import NoReturn

from multiposenet.json_table import fail

_ABSENT = object()
_FAR = 1e7  # pixels; no photo is as large
_LONGEST = 10_000  # letters


class Fields:
    """One object of a file.

    Args:
        path: the file, for messages.
        where: the object's place in it, for messages.
        value: what is there; anything.

    Raises:
        AnnotationError: it is no object; likewise all methods on a wrong field.
    """

    def __init__(self, path: Path, where: str, value):
        self.path, self.where = path, where
        if not isinstance(value, dict):
            fail(path, where or "file", f"{value!r:.60} is no object", "export the file anew")
        self.value = value

    def fail(
        self, field: str, problem: str, remedy: str = "correct it, or export it anew"
    ) -> NoReturn:
        """Raises the error of a field."""
        fail(self.path, f"{self.where}.{field}".lstrip("."), problem, remedy)

    def text(self, field: str, default=_ABSENT) -> str:
        """A field of text, not empty."""
        value = self._get(field, default)
        if value is default:
            return value
        if not (isinstance(value, str) and 0 < len(value) <= _LONGEST) or "\0" in value:
            self.fail(field, f"{value!r:.60} is no text")
        return value

    def number(self, field: str, default=_ABSENT, most: float = _FAR) -> float:
        """A field of a finite number, or of its text; of either sign."""
        value = self._get(field, default)
        if value is default:
            return value
        return number(self.path, f"{self.where}.{field}".lstrip("."), value, most)

    def size(self, *names: str) -> tuple[int, ...]:
        """Fields of whole positive numbers, such as width and height."""
        values = [self.number(name) for name in names]
        for name, value in zip(names, values, strict=True):
            if value != int(value) or not 0 < value <= 1_000_000:
                self.fail(name, f"{value:g} is no number of pixels", "give the photo's size")
        return tuple(int(value) for value in values)

    def list(self, field: str, default=_ABSENT) -> list:
        """A field of a list."""
        value = self._get(field, default)
        if value is not default and not isinstance(value, list):
            self.fail(field, f"{value!r:.60} is no list")
        return value

    def object(self, field: str, default=_ABSENT) -> "Fields":
        """A field of an object."""
        value = self._get(field, default)
        return Fields(self.path, f"{self.where}.{field}".lstrip("."), value)

    def _get(self, field, default):
        value = self.value.get(field, default)
        if value is _ABSENT:
            self.fail(field, "missing")
        return default if value is None and default is not _ABSENT else value


def number(path: Path, where: str, value, most: float = _FAR) -> float:
    """A finite number, or its text.

    Raises:
        AnnotationError: it is none, or larger than `most`.
    """
    try:
        found = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        fail(path, where, f"{value!r:.60} is no number", "correct it, or export it anew")
    if abs(found) > most:
        fail(path, where, f"a number above {most:,.0f}", "correct it, or export it anew")
    return found


def points(path: Path, where: str, value) -> list[float]:
    """A list of [x, y] pairs as one flat list.

    Raises:
        AnnotationError: it is none.
    """
    if not (isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value)):
        fail(path, where, f"{value!r:.60} is no list of [x, y]", "export the file anew")
    return [number(path, where, side) for point in value for side in point]
