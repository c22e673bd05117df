"""Warnings of decoders kept back, in any number of threads.

Python's filters of warnings belong to all threads. `warnings.catch_warnings` in one of them
swallows what the others say meanwhile, and may undo what they have asked for when it ends. So one
filter stays, first of all, that matches in a thread within the block alone.
"""

import threading
import warnings
from contextlib import contextmanager

_lock = threading.Lock()
_thread = threading.local()


class _Within:
    """In the place of a filter's pattern of modules: any, while its thread is within a block."""

    def match(self, module):
        return getattr(_thread, "blocks", 0) > 0


_FILTER = ("ignore", None, Warning, _Within(), 0)


@contextmanager
def no_warnings():
    """Within the block its thread does not warn; the others do.

    Whoever asks for all warnings while a block runs in another thread may hear the block's, too.
    """
    with _lock:
        if warnings.filters[:1] != [_FILTER]:
            if _FILTER in warnings.filters:
                warnings.filters.remove(_FILTER)
            warnings.filters.insert(0, _FILTER)
    _thread.blocks = getattr(_thread, "blocks", 0) + 1
    try:
        yield
    finally:
        _thread.blocks -= 1
