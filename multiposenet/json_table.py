"""Checked columns of a list of JSON objects, read in bulk.

A `JsonTable` turns one field of all objects at once into an array, and any defect into a one-line
`AnnotationError` that names the file, the object and the field. Checks run over whole columns; the
guilty row is looked for only after a check has failed.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.files import bounded_files

MAX_BYTES = 1 << 31  # of a file, unpacked; COCO's largest has 0.5 GB
FAR = 1e7  # pixels; no photo is as large
_SHOWN = 300  # letters of a message that may come from a file
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
    message = f"{path}: {field:.{_SHOWN}}: {problem:.{_SHOWN}}; {remedy:.{_SHOWN}}"
    raise AnnotationError(" ".join(message.split()))


def read_bytes(path: str | Path) -> bytes:
    """Reads a file, unpacked where it is gzip-compressed (told by its content).

    Raises:
        AnnotationError: it is missing, not readable, damaged or too large.
    """
    try:
        return bounded_files.read(path, MAX_BYTES)
    except bounded_files.Unreadable as error:
        fail(path, "file", error.problem, error.remedy)


def parse(path: str | Path, content: bytes):
    """Returns what the JSON text `content` of the file `path` stands for.

    Args:
        path: the file, for messages.
        content: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        AnnotationError: it is not JSON.
    """
    remedy = "give a complete COCO JSON file"
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        fail(path, "file", f"not JSON or truncated at line {error.lineno}", remedy)
    except UnicodeDecodeError as error:
        if content.lstrip()[:1] not in (b"{", b"["):
            fail(path, "file", "not JSON", remedy)
        byte = error.object[error.start]
        problem = f"not UTF-8: byte 0x{byte:02x} at {error.start:,}, as in Latin-1 (cp1252)"
        fail(path, "file", problem, "save it in the encoding UTF-8")
    except RecursionError:
        fail(path, "file", "nested too deeply", remedy)
    except ValueError:  # Python converts no longer ones, as it would take quadratic time
        fail(path, "file", "a number of thousands of digits", "correct it")


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
        if not isinstance(rows, list) or not set(map(type, rows)) <= {dict}:
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
        where = f"{row}"
        text = isinstance(identity, str) and len(identity) < 100 and field != "id"
        if type(identity) is int or text:
            where = f"id {identity}"
        fail(self.path, f"{self.name}[{where}].{field}", problem, remedy)

    def fail_first(self, bad: np.ndarray, field: str, problem: str, remedy: str) -> None:
        """Raises for the first row where the (R,) bool array `bad` is true, if there is one.

        `problem` may hold `{}` for the value of the field. Further rows are counted.
        """
        if bad.any():
            row = int(np.argmax(bad))
            value = f"{self.rows[row].get(field)!r:.60}"
            problem = problem.replace("{}", value) + _and_more(int(bad.sum()) - 1)
            self.fail(row, field, problem, remedy)

    def column(self, field: str, remedy: str) -> list:
        """Returns the values of a required field."""
        try:
            return [row[field] for row in self.rows]
        except KeyError:
            lacking = np.array([field not in row for row in self.rows])
            self.fail_first(lacking, field, "missing", remedy)

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

    def keys(self) -> tuple[np.ndarray, dict[str, int] | None]:
        """Returns the field `id` as (R,) int64.

        Where all ids are text they are numbered from 1, and the second value has the number of
        each text; otherwise it is None.
        """
        values = [row.get("id") for row in self.rows]
        if not (values and _only(values, (str,))):
            return self.integers("id"), None
        numbers = {}
        for value in values:
            numbers.setdefault(value, len(numbers) + 1)
        return np.array([numbers[value] for value in values], dtype=np.int64), numbers

    def references(self, field: str, numbers: dict[str, int] | None) -> np.ndarray:
        """Returns a required field that names other objects by their id, as (R,) int64.

        Args:
            field: name of the field.
            numbers: of text ids, as `keys` returned it; a text that it lacks becomes -1.
        """
        if numbers is None:
            return self.integers(field)
        values = self.column(field, "give the id of an object")
        unlike = np.array([not isinstance(value, str) for value in values], dtype=bool)
        self.fail_first(unlike, field, "{} is not text, as the ids are", "write it as the id")
        return np.array([numbers.get(value, -1) for value in values], dtype=np.int64)

    def check_unique(self, ids: np.ndarray, groups: np.ndarray | None = None) -> None:
        """Raises unless the (R,) ids all differ, or differ where `groups` are equal."""
        groups = np.zeros_like(ids) if groups is None else groups
        order = np.lexsort((ids, groups))
        twice = np.zeros(len(ids), dtype=bool)
        twice[order[1:]] = (np.diff(ids[order]) == 0) & (np.diff(groups[order]) == 0)
        self.fail_first(twice, "id", "occurs more than once: {}", "give each entry its own id")

    def vectors(
        self, field: str, width: int, remedy: str, most: float = FAR, none_for_zeros=False
    ) -> np.ndarray:
        """Returns a required field, lists of finite numbers, as (R, width) float64.

        Args:
            field: name of the field.
            width: how many numbers each list has.
            remedy: for messages.
            most: the largest absolute value.
            none_for_zeros: take an absent, null or empty list for zeros.
        """
        if none_for_zeros:
            values = [row.get(field) for row in self.rows]
            nothing = [0] * width
            values = [nothing if v is None or v == [] else v for v in values]
        else:
            values = self.column(field, remedy)
        if not _only(values, _LISTS):
            bad = [not _only([value], _LISTS) for value in values]
            self.fail_first(np.array(bad), field, "{} is not a list", remedy)
        lengths = np.array([len(value) for value in values], dtype=np.int64)
        bad = lengths != width
        told = f"{lengths[np.argmax(bad)]} numbers instead of {width}" if bad.any() else ""
        self.fail_first(bad, field, told, remedy)
        try:
            array = np.array(values)  # no type given: asked for floats, NumPy reads "1" as 1
        except ValueError:  # lists of different lengths among the numbers
            array = None
        if values and (array is None or array.ndim != 2 or array.dtype.kind not in "iuf"):
            bad = [not _only(value, _NUMBERS) for value in values]
            self.fail_first(np.array(bad), field, "not only numbers: {}", remedy)
            fail(self.path, f"{self.name}.{field}", "a number is out of range", remedy)
        array = array.astype(np.float64, copy=False).reshape(len(values), width)
        if not (np.abs(array) <= most).all():  # NaN is not, either
            bad = ~np.isfinite(array).all(axis=1)
            self.fail_first(bad, field, "NaN or infinity: {}", remedy)
            far = (np.abs(array) > most).any(axis=1)
            self.fail_first(far, field, f"a number above {most:,.0f}: {{}}", remedy)
        return array

    def optional(
        self, field: str, minimum: float = 0.0, maximum: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns a field of finite numbers that rows may lack.

        Args:
            field: name of the field.
            minimum: smallest allowed value.
            maximum: largest allowed value.

        Returns:
            (R,) float64 values, 0 where the field is absent or null, and (R,) bool presence.
        """
        values = [row.get(field) for row in self.rows]
        kinds = set(map(type, values))
        present = np.ones(len(values), dtype=bool)
        if type(None) in kinds:
            present = np.array([value is not None for value in values], dtype=bool)
            values = [0 if value is None else value for value in values]
        if not all(issubclass(kind, (*_NUMBERS, type(None))) for kind in kinds):
            bad = [not isinstance(value, _NUMBERS) for value in values]
            self.fail_first(np.array(bad), field, "{} is not a number", "correct or remove it")
        try:
            array = np.array(values, dtype=np.float64).reshape(-1)
        except OverflowError:
            fail(self.path, f"{self.name}.{field}", "a number is out of range", "correct it")
        self.fail_first(~np.isfinite(array), field, "{} is not finite", "correct or remove it")
        self.fail_first(array < minimum, field, "{} is negative", "correct or remove it")
        self.fail_first(array > maximum, field, "{} is too large", "correct or remove it")
        return array, present


def _and_more(count: int) -> str:
    return f" (and {count:,} more)" if count > 0 else ""
