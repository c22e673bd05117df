"""Whole files in memory, but no more than their kind needs."""

import gzip
import io
import json
import os
import stat
import zlib
from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 22
# What compresses further than annotations do is a bomb; small files may.
_RATIO, _ANY_RATIO = 100, 1 << 24
_MAX_YAML_DEPTH = 20


class Unreadable(Exception):
    """A file that cannot be read, or that is larger than its kind is.

    Attributes:
        problem: what is wrong.
        remedy: what the reader can do about it.
    """

    def __init__(self, problem: str, remedy: str):
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


def read(path: str | os.PathLike, limit: int) -> bytes:
    """Reads a file, unpacked where it is gzip-compressed (told by its content).

    Args:
        path: the file. A pipe is read as far as it is written; one that nobody writes is empty.
        limit: bytes it may have, packed or not.

    Raises:
        Unreadable: it is missing, not readable, damaged or too large.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes would be waited for.
        handle = os.open(Path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as file:
            about = os.fstat(handle)
            if not (stat.S_ISREG(about.st_mode) or stat.S_ISFIFO(about.st_mode)):
                raise Unreadable("is not a regular file", "name a file")
            if about.st_size > limit:
                raise _too_large(limit)
            if hasattr(os, "set_blocking"):
                os.set_blocking(handle, True)
            content = _up_to(file, limit)
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise Unreadable(problem, "give a readable file") from error
    except ValueError as error:  # a zero byte in the name
        raise Unreadable(str(error), "give a readable file") from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return _up_to(file, min(limit, max(_ANY_RATIO, _RATIO * len(content))))
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("damaged or truncated gzip", "copy or download the file again") from error


def read_json(path: str | os.PathLike, limit: int):
    """Reads a JSON file that a program wrote.

    Args:
        path, limit: as of `read`.

    Raises:
        Unreadable: as `read`, or it is not JSON, or nested too deeply.
    """
    content = read(path, limit)
    try:
        return json.loads(content)
    except RecursionError as error:
        raise Unreadable("nested too deeply", "give the file as it was written") from error
    except ValueError as error:
        raise Unreadable("not JSON", "give the file as it was written") from error


def read_yaml(path: str | os.PathLike, limit: int):
    """Reads a YAML file of plain values.

    Args:
        path, limit: as of `read`.

    Raises:
        Unreadable: as `read`, or it is not YAML, or has what makes small files large or slow.
    """
    import yaml

    try:
        text = read(path, limit).decode("utf-8-sig")
        depth = 0
        for token in yaml.scan(text):
            kind = type(token).__name__
            depth += kind.endswith("StartToken") - kind.endswith("EndToken")
            if kind == "AliasToken":
                raise Unreadable("has an alias (*)", "write its value instead")
            if depth > _MAX_YAML_DEPTH:
                raise Unreadable("not valid YAML", "check its syntax")
        return yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8", "save it in this encoding") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable("not valid YAML", "check its syntax") from error


def _up_to(file, limit: int) -> bytes:
    pieces, size = [], 0
    while piece := file.read(_CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    return b"".join(pieces)


def _too_large(limit: int) -> Unreadable:
    return Unreadable(f"more than {limit / 2**20:,.3g} MiB", "give a smaller file")
