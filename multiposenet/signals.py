"""Being asked to stop: by Ctrl-C, by the system (SIGTERM), by a terminal that closes (SIGHUP)."""

import os
import signal
import threading
from contextlib import contextmanager

from multiposenet.errors import Interrupted

_HINT = b"multiposenet: stopping behind this step; once more stops at once\n"


@contextmanager
def obeyed():
    """Within the block every such signal ends the work as Ctrl-C does, so that all is put away."""

    def obey(number, frame):
        raise Interrupted("interrupted", number)

    with _handled(obey):
        yield


@contextmanager
def noticed():
    """Within the block the first such signal is only noted, and the next one obeyed.

    Yields:
        A list to which the signal's number is added.
    """
    noted = []

    def note(number, frame):
        if noted:
            raise Interrupted("interrupted", number)
        noted.append(number)
        os.write(2, _HINT)  # `print` might be in the middle of a line

    with _handled(note):
        yield noted


@contextmanager
def _handled(handler):
    """Only the main thread may; and what the caller ignores, as `nohup` does, stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
