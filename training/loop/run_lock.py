"""A stage of a run is trained by one process at a time."""

from contextlib import contextmanager
from pathlib import Path

from multiposenet.errors import InputError


@contextmanager
def run_lock(path):
    """Holds a lock file for as long as the block, and no longer than the process lives.

    Args:
        path: of the lock file, ``RUN/STAGE.lock``; an empty file, which stays.

    Raises:
        InputError: another process holds it.
    """
    path = Path(path)
    with path.open("a") as file:
        try:
            _take(file)
        except OSError as error:
            raise InputError(
                f"{path}: lock: another process trains this stage in this folder; wait for its "
                "end, stop it, or use another folder"
            ) from error
        yield


def _take(file):
    """The system releases the lock when the file is closed, however the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
