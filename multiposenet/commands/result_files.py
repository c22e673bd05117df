"""Where results go: folders and JSON files that are checked before the work starts."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from multiposenet.errors import InputError
from multiposenet.files import writing

# Arguments of files that are written; all others are read, or are no files.
_WRITTEN = ("json", "out", "plot", "repair", "write_skeleton")


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


def picture_names(stems: list[str], taken: set[str], suffix: str = ".png") -> list[str]:
    """A different file name for the picture of each photo, `<stem>.png` where possible.

    Args:
        stems: names of the photos without their suffixes.
        taken: names in lower case that none may get.
        suffix: of the pictures.
    """
    # Lower case: on some file systems A.png and a.png are one file.
    taken, names = set(taken), []
    for stem in stems:
        name, number = f"{stem}{suffix}", 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        taken.add(name.lower())
        names.append(name)
    return names


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


def check_apart(args) -> None:
    """Checks that nothing that a command line writes is something that it reads.

    Args:
        args: parsed arguments of any verb.

    Raises:
        InputError: two arguments name one file.
    """
    given = {
        name: value if isinstance(value, list) else [value] for name, value in vars(args).items()
    }
    written = {name: given.pop(name) for name in _WRITTEN if name in given}
    read = [place for texts in given.values() for text in texts for place in _places(text)]
    for name, (target,) in written.items():
        if isinstance(target, str) and any(_is_one(target, place) for place in read):
            option = name.replace("_", "-")
            raise InputError(f"{target}: --{option}: is also to be read; name another file")


def _places(text) -> list[str]:
    """The files that an argument may mean: itself, and the annotations in FORMAT:FOLDER."""
    if not isinstance(text, str):
        return []
    return [text, os.path.join(text.partition(":")[2] or text, "annotations.json")]


def _is_one(path: str, other: str) -> bool:
    # Neither raises anything, but for what has vanished in between.
    return os.path.isfile(path) and os.path.isfile(other) and os.path.samefile(path, other)


def copy(path: Path, target: str) -> None:
    """Copies a file of results to another, or to stdout if `target` is "-"."""
    if target == "-":
        with path.open(encoding="utf-8") as file:
            for line in file:
                _put(line)
        return
    with writing.atomic_write(target) as partial:
        shutil.copyfile(path, partial)


def write_json(target: str | Path, result) -> None:
    """Writes JSON to a file, which appears whole or not at all, or to stdout if `target` is "-".

    Raises:
        ValueError: a number is not finite.
    """
    if target == "-":
        _put(writing.json_text(result, allow_nan=False))
    else:
        writing.write_json(target, result, allow_nan=False)


def _put(text: str) -> None:
    """JSON on stdout; letters that it does not take are JSON's escapes."""
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        letters = (c if c.isascii() else json.dumps(c)[1:-1] for c in text)
        sys.stdout.write("".join(letters))
