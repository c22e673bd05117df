"""Where results go: folders and JSON files that are checked before the work starts."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from multiposenet import files
from multiposenet.errors import InputError


def writable_folder(path: str | Path) -> Path:
    """Makes a folder for results and proves that files can be made in it.

    Raises:
        InputError: it cannot be made or written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(
            f"{path}: output folder: {error.strerror}; choose another folder"
        ) from error
    return path


def writable_json(target: str | None, option: str = "--json") -> None:
    """Checks the argument of `--json`, or of an option like it, before the work starts.

    Raises:
        InputError: no such file can be made.
    """
    if target not in (None, "-"):
        path = Path(target)
        if path.is_dir():
            raise InputError(f"{target}: {option}: is a folder; name a file in it")
        if path.exists() and not path.is_file():  # a device or a pipe, in whatever folder
            return
        writable_folder(Path(os.path.realpath(path)).parent)


def copy(path: Path, target: str) -> None:
    """Copies a file of results to another, or to stdout if `target` is "-"."""
    if target == "-":
        with path.open(encoding="utf-8") as file:
            shutil.copyfileobj(file, sys.stdout)
        return
    with files.atomic_write(target) as partial:
        shutil.copyfile(path, partial)


def write_json(target: str | Path, result) -> None:
    """Writes JSON to a file, which appears whole or not at all, or to stdout if `target` is "-".

    Raises:
        ValueError: a number is not finite.
    """
    if target == "-":
        sys.stdout.write(files.json_text(result, allow_nan=False))
    else:
        files.write_json(target, result, allow_nan=False)
