"""Work that one process does at a time, told by a file."""

import errno
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

# How systems say that somebody else holds a lock.
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_PAUSE = 0.1  # seconds between two looks


class Held(Exception):
    """Another process holds the lock."""


@contextmanager
def held(path, wait=False):
    """Holds a lock for as long as the block, and no longer than the process lives.

    The system lets go of it however the process ends, so that a file left by ``kill -9`` is no
    lock. Otherwise the file goes with it.

    Args:
        path: of the lock file.
        wait: whether to wait until nobody else holds it.

    Raises:
        Held: somebody else does, and ``wait`` is not set.
        OSError: the file cannot be made, or the file system knows no locks.
    """
    path = Path(path)
    handle = None
    while handle is None:
        handle = _try(path)
        if handle is None and not wait:
            raise Held(str(path))
        if handle is None:
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        # Before the lock is let go of: later, the name may be another process' lock.
        with suppress(OSError):  # Windows removes no open file
            os.unlink(path)
        os.close(handle)


def _try(path):
    """The open file of a lock that this process now holds, None if it is held."""
    # A link is not followed: a file would appear where it points to.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        handle = os.open(path, flags, 0o666)
        try:
            _lock(handle)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.lstat(path)):
                    return handle
        except OSError as error:
            os.close(handle)
            if error.errno in _HELD:
                return None
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        os.close(handle)  # its last holder has removed it between the two calls


def _lock(handle):
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
