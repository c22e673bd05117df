"""Warnings of decoders kept back, in any number of threads.

Python's filters of warnings belong to all threads: `warnings.catch_warnings` in two of them at once
may leave those of one to everybody for good.
"""

import threading
import warnings
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_kept = None


@contextmanager
def no_warnings():
    """Within the block nothing warns; the filters come back when the last thread leaves it."""
    global _inside, _kept
    with _lock:
        if not _inside:
            _kept = warnings.catch_warnings()
            _kept.__enter__()
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _kept.__exit__(None, None, None)
