"""Files that appear whole or not at all."""

import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

from multiposenet.files import checksums


@contextmanager
def atomic_write(path, checksum=False):
    """A temporary path that takes the place of ``path`` if the block ends without an error.

    The file's content is on the disk before its name is, so that a crash of the machine cannot
    leave an empty file under the name either. A symbolic link stays one and its target is written;
    what is no regular file, a device or a pipe, stays what it is and is written into.

    Args:
        path: of the finished file; the temporary one, of a short name beside it, has its suffix.
        checksum: whether to leave the file's sha256 beside it; see ``checksums``.

    Yields:
        The temporary path, of an empty file.

    Raises:
        OSError: it cannot be written, for example because the disk is full. The message is one
            line; a file that was there before is as it was.
    """
    path = Path(path)
    with plain_disk_errors(path):
        target = Path(os.path.realpath(path))
        special = target.exists() and not target.is_file()
        if special and target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        folder = None if special else target.parent
        handle, partial = tempfile.mkstemp(_suffix(target), _prefix(target), folder)
        os.close(handle)
        partial = Path(partial)
        try:
            yield partial
            if special:
                with partial.open("rb") as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                partial.chmod(_mode_of(target))
                _sync(partial)
                text = checksums.line(partial, target.name) if checksum else None
                if checksum:  # at no moment does one stand beside another file than its own
                    checksums.sidecar(target).unlink(missing_ok=True)
                os.replace(partial, target)
                _sync(target.parent)
                if checksum:
                    write_text(checksums.sidecar(target), text)
        finally:
            partial.unlink(missing_ok=True)


def remove_partials(*paths):
    """Removes what killed processes left of ``atomic_write``; nobody else may write these paths."""
    folders = {}
    for path in map(Path, paths):
        folders.setdefault(path.parent, set()).add(_prefix(path))
    for folder, prefixes in folders.items():
        for partial in folder.glob(".partial-*"):
            if partial.name.startswith(tuple(prefixes)):
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
    """Writes a model's weights (``.weights.h5``), whole or not at all, and their checksum."""
    with atomic_write(path, checksum=True) as partial:
        model.save_weights(partial, overwrite=True)


def write_json(path, data, allow_nan=True, checksum=False):
    """Writes JSON so that a reader never sees half a file.

    Args:
        path: of the file.
        data: what to write, see ``json_text``.
        allow_nan: whether numbers may be NaN or infinite, which JSON itself does not know.
        checksum: as of ``atomic_write``.

    Raises:
        ValueError: one is and may not be.
        OSError: as ``atomic_write``.
    """
    write_text(path, json_text(data, allow_nan), checksum)


def write_text(path, text, checksum=False):
    """Writes UTF-8 text so that a reader never sees half a file.

    Raises:
        OSError: as ``atomic_write``.
    """
    with atomic_write(path, checksum) as partial:
        partial.write_text(text, encoding="utf-8")


def json_text(data, allow_nan=True):
    """JSON as the project writes it; the elements of a list stand on a line each."""
    if isinstance(data, list):
        text = io.StringIO()
        dump_list(data, text, allow_nan)
        return text.getvalue()
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=allow_nan) + "\n"


def dump_list(elements, file, allow_nan=False):
    """Writes a list as ``json_text`` has it into an open file, holding one element at a time."""
    start = "["
    for element in elements:
        file.write(start + json.dumps(element, ensure_ascii=False, allow_nan=allow_nan))
        start = ",\n "
    file.write(("[" if start == "[" else "") + "]\n")


def _prefix(path):
    """Short whatever the length of the name, and different for the files of a folder."""
    return f".partial-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}-"


def _suffix(path):
    """The suffixes by which libraries know a format, ``.weights.h5`` among them."""
    suffixes = path.suffixes[-2:] if path.name.endswith(".weights.h5") else path.suffixes[-1:]
    suffix = "".join(suffixes)
    return suffix if len(suffix.encode()) <= 32 else ""


def _mode_of(path):
    """The permissions of a file that is there, or those of a new one."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


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
