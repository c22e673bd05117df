"""Files that appear whole or not at all."""

import json
import os
import re
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path):
    """A temporary path beside ``path`` that takes its place if the block ends without an error.

    The file's content is on the disk before its name is, so that a crash of the machine cannot
    leave an empty file under the name either.

    Args:
        path: of the finished file; its suffixes are those of the temporary one, too.

    Yields:
        The temporary path.

    Raises:
        OSError: it cannot be written, for example because the disk is full. The message is one
            line; a file that was there before is as it was.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    with plain_disk_errors(path):
        try:
            yield partial
            _sync(partial)
            os.replace(partial, path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def plain_disk_errors(path):
    """Whatever is raised when ``path`` cannot be written becomes an ``OSError`` of one line."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        if number is None:  # HDF5 tells it in words
            told = re.search(r"errno = (\d+)", str(error))
            number = told and int(told.group(1))
        if number is None:
            raise
        what = f"{os.strerror(number)}; what was written before is whole"
        raise OSError(number, what, str(path)) from error


def save_weights(model, path):
    """Writes a model's weights (``.weights.h5``) so that a reader never sees half a file."""
    with atomic_write(path) as partial:
        model.save_weights(partial, overwrite=True)


def write_json(path, data):
    """Writes JSON so that a reader never sees half a file."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _sync(path):
    """Returns when the content of a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return  # Windows has no such call
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
