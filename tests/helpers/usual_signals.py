"""Signal handlers of a program started in a terminal, whatever pytest was started by."""

import signal
import threading

import pytest

KINDS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.fixture(autouse=True)
def usual_handlers():
    """Those of a program started in a terminal, whatever pytest was started by."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("pytest runs in a thread that signals do not reach")
    usual = {name: signal.SIG_DFL for name in KINDS} | {"SIGINT": signal.default_int_handler}
    before = {name: signal.signal(getattr(signal, name), usual[name]) for name in KINDS}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)
