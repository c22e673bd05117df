"""What every surface promises, however bad its input: an answer or one line, soon and in bounds."""

import contextlib
import signal
import time
import warnings

from multiposenet.errors import MultiPoseNetError

SECONDS = 5  # of CPU for one case
GIGABYTES = 1.5  # that a surface may add to the process at its peak


class Hang(BaseException):
    """No `Exception`, lest it be taken for an answer."""


@contextlib.contextmanager
def in_time():
    """Raises ``Hang`` from within the block when it has computed for too long."""

    def ring(number, frame):
        raise Hang(f"more than {SECONDS} s of CPU")

    if not hasattr(signal, "setitimer"):  # Windows
        begin = time.process_time()
        yield
        assert time.process_time() - begin < SECONDS
        return
    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def answer(function, *arguments, **options):
    """What a function returns, or the error that it raises on purpose; anything else is raised."""
    with in_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments, **options)
        except MultiPoseNetError as error:
            text = str(error)
            assert "\n" not in text and "\r" not in text, text
            assert ": " in text and len(text) < 3000, text
            return error


def is_error(found):
    return isinstance(found, MultiPoseNetError)
