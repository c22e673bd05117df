"""Checked columns of a list of JSON objects, read in bulk.

A `JsonTable` turns one field of all objects at once into an array, and any defect into a one-line
`AnnotationError` that names the file, the object and the field. Checks run over whole columns; the
guilty row is looked for only after a check has failed.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from multiposenet.errors import AnnotationError

_GZIP_MAGIC = b"\x1f\x8b"
# Results made in memory hold NumPy scalars, results read from JSON Python's.
_INTEGERS = (int, np.integer)
_NUMBERS = (int, float, np.integer, np.floating)
_LISTS = (list, tuple, np.ndarray)


def fail(path: str | Path, field: str, problem: str, remedy: str) -> NoReturn:
    """Raises the `AnnotationError` of this file and field.

    Args:
        path: the file, or the name of what stands for it.
        field: the field at fault, for example `images[id 7].width`.
        problem: what is wrong with it.
        remedy: what the reader can do about it.

    Raises:
        AnnotationError: always.
    """
    message = f"{path}: {field}: {problem}; {remedy}"
    raise AnnotationError(" ".join(message.split()))


def read_bytes(path: str | Path) -> bytes:
    """Reads a file, unpacked where it is gzip-compressed (told by its content).

    Raises:
        AnnotationError: it is missing, not readable or damaged.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        fail(path, "file", error.strerror or type(error).__name__, "give a readable COCO JSON file")
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        fail(path, "file", "damaged or truncated gzip", "copy or download the file again")


def parse(path: str | Path, content: bytes):
    """Returns what the JSON text `content` of the file `path` stands for.

    Raises:
        AnnotationError: it is not JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        fail(path, "file", f"not JSON or truncated{where}", "give a complete COCO JSON file")


def _only(values: Iterable, kinds: tuple[type, ...]) -> bool:
    """Whether all values are of these kinds; true and false are not numbers here."""
    return all(issubclass(kind, kinds) and kind is not bool for kind in set(map(type, values)))


class JsonTable:
    """The objects of one list in a JSON file, read column by column.

    Args:
        path: the file, for messages.
        name: name of the list in the file, for messages.
        rows: the objects.

    Raises:
        AnnotationError: `rows` is not a list of objects; likewise all methods on a bad column.
    """

    def __init__(self, path: str | Path, name: str, rows: Sequence[dict]):
        self.path = path
        self.name = name
        self.rows = rows
        if not isinstance(rows, list) or not all(type(row) is dict for row in rows):
            fail(path, name, "not a list of objects", "follow the COCO format")

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, keep: np.ndarray) -> "JsonTable":
        """Returns the table of the rows where the (R,) bool array `keep` is true."""
        rows = [row for row, kept in zip(self.rows, keep, strict=True) if kept]
        return JsonTable(self.path, self.name, rows)

    def fail(self, row: int, field: str, problem: str, remedy: str) -> NoReturn:
        """Raises the error of one field of one row, named by its id where it has one."""
        identity = self.rows[row].get("id")
        where = f"id {identity}" if type(identity) is int else f"{row}"
        fail(self.path, f"{self.name}[{where}].{field}", problem, remedy)

    def fail_first(self, bad: np.ndarray, field: str, problem: str, remedy: str) -> None:
        """Raises for the first row where the (R,) bool array `bad` is true, if there is one.

        `problem` may hold `{}` for the value of the field.
        """
        if bad.any():
            row = int(np.argmax(bad))
            value = f"{self.rows[row].get(field)!r:.60}"
            self.fail(row, field, problem.replace("{}", value), remedy)

    def column(self, field: str, remedy: str) -> list:
        """Returns the values of a required field."""
        try:
            return [row[field] for row in self.rows]
        except KeyError:
            row = next(i for i, row in enumerate(self.rows) if field not in row)
            self.fail(row, field, "missing", remedy)

    def integers(self, field: str) -> np.ndarray:
        """Returns a required field as (R,) int64; 2.0 counts as an integer, true does not."""
        values = self.column(field, "give every entry an integer")
        if not _only(values, _INTEGERS):
            bad = [
                not (_only([v], _INTEGERS) or type(v) is float and v.is_integer()) for v in values
            ]
            self.fail_first(np.array(bad), field, "{} is not an integer", "give an integer")
        try:
            return np.array(values, dtype=np.int64).reshape(-1)
        except OverflowError:
            fail(self.path, f"{self.name}.{field}", "more than 64 bits", "use smaller integers")

    def unique_ids(self, within: str | None = None) -> np.ndarray:
        """Returns the field `id` as (R,) int64, all different, or different for equal `within`."""
        ids = self.integers("id")
        groups = np.zeros_like(ids) if within is None else self.integers(within)
        order = np.lexsort((ids, groups))
        twice = np.zeros(len(ids), dtype=bool)
        twice[order[1:]] = (np.diff(ids[order]) == 0) & (np.diff(groups[order]) == 0)
        self.fail_first(twice, "id", "id {} occurs more than once", "give each entry its own id")
        return ids

    def vectors(self, field: str, width: int, remedy: str) -> np.ndarray:
        """Returns a required field, lists of `width` finite numbers, as (R, width) float64."""
        values = self.column(field, remedy)
        if not _only(values, _LISTS):
            bad = [not _only([value], _LISTS) for value in values]
            self.fail_first(np.array(bad), field, "{} is not a list", remedy)
        lengths = np.array([len(value) for value in values], dtype=np.int64)
        for row in np.flatnonzero(lengths != width)[:1]:
            self.fail(int(row), field, f"{lengths[row]} numbers instead of {width}", remedy)
        try:
            array = np.array(values)  # no type given: asked for floats, NumPy reads "1" as 1
        except ValueError:  # lists of different lengths among the numbers
            array = None
        if values and (array is None or array.ndim != 2 or array.dtype.kind not in "iuf"):
            bad = [not _only(value, _NUMBERS) for value in values]
            self.fail_first(np.array(bad), field, "not only numbers: {}", remedy)
            fail(self.path, f"{self.name}.{field}", "a number is out of range", remedy)
        array = array.astype(np.float64).reshape(len(values), width)
        bad = ~np.isfinite(array).all(axis=1)
        self.fail_first(bad, field, "NaN or infinity: {}", remedy)
        return array

    def optional(self, field: str, minimum: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Returns a field of finite numbers that rows may lack.

        Args:
            field: name of the field.
            minimum: smallest allowed value.

        Returns:
            (R,) float64 values, 0 where the field is absent or null, and (R,) bool presence.
        """
        values = [row.get(field) for row in self.rows]
        present = np.array([value is not None for value in values], dtype=bool)
        values = [0 if value is None else value for value in values]
        if not all(issubclass(kind, _NUMBERS) for kind in set(map(type, values))):
            bad = [not isinstance(value, _NUMBERS) for value in values]
            self.fail_first(np.array(bad), field, "{} is not a number", "correct or remove it")
        try:
            array = np.array(values, dtype=np.float64).reshape(-1)
        except OverflowError:
            fail(self.path, f"{self.name}.{field}", "a number is out of range", "correct it")
        self.fail_first(~np.isfinite(array), field, "{} is not finite", "correct or remove it")
        self.fail_first(array < minimum, field, "{} is negative", "correct or remove it")
        return array, present
