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

    with _handled(lambda former: obey):
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

    with _handled(lambda former: note):
        yield noted


@contextmanager
def insisted_on():
    """Within the block foreign code cannot swallow what a signal raises: it is raised again behind.

    Code that C++ calls, as converters do, gets it as an error like any other.
    """
    raised = []

    def insist(former):
        def handle(number, frame):
            try:
                former(number, frame)
            except BaseException as stop:
                raised.append(stop)
                raise

        return handle if callable(former) else None  # the system's own ones raise nothing

    try:
        with _handled(insist):
            yield
    except BaseException:
        if not raised:
            raise
    if raised:
        raise raised[-1]


@contextmanager
def _handled(handler_for):
    """Handlers within the block, made of the former ones; None leaves one as it is.

    Only the main thread may; and what the caller ignores, as `nohup` does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            former = number and signal.getsignal(number)
            if former not in (signal.SIG_IGN, None) and (handler := handler_for(former)):
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
