"""Folders for what lies between two files: whoever made one removes it, or the next one does."""

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from multiposenet.files import file_lock

_DIGITS = 8  # of a folder's own name, behind the prefix


@contextmanager
def scratch_folder(parent: str | os.PathLike, prefix: str) -> Iterator[Path]:
    """A new folder for as long as the block, which only this user may look into.

    Those that killed processes have left are removed before. A lock beside each, which the system
    lets go of with its process, tells them from those in use.

    Args:
        parent: folder to make it in, which others may use as well.
        prefix: of its name; the same whenever the same work is done.

    Yields:
        The folder's path.

    Raises:
        OSError: it cannot be made.
    """
    remove_abandoned(Path(parent), prefix)
    folder = Path(parent) / f"{prefix}{secrets.token_hex(_DIGITS // 2)}"
    # Somebody who looks for abandoned ones may have the lock for a moment before the folder exists.
    with file_lock.held(_lock_of(folder), wait=True):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def prefix_beside(path: Path) -> str:
    """The prefix of the folders in which a file is made that then appears under its name."""
    return f".{path.name[:50]}."


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Removes what killed processes have left, see ``scratch_folder``."""
    name = glob.escape(prefix) + "[0-9a-f]" * _DIGITS
    # A folder whose lock nobody holds is abandoned, and so is one whose lock is gone.
    for folder in {*parent.glob(name), *(p.with_suffix("") for p in parent.glob(f"{name}.lock"))}:
        # Whatever cannot be removed, or belongs to somebody else, does not concern this one.
        with suppress(file_lock.Held, OSError):
            if all(_is_own(path) for path in (folder, _lock_of(folder)) if path.exists()):
                with file_lock.held(_lock_of(folder)):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_own(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
