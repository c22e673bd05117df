"""What the signals that ask to stop do, and to whom, each in a process of its own.

A signal to the process of the tests would reach whatever handlers and threads the libraries of
other tests have left there.
"""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from usual_signals import KINDS

from multiposenet import cli
from multiposenet.commands import summary
from multiposenet.errors import Interrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows")

PROGRAM = """
import os, signal, sys, threading
from multiposenet import signals
from multiposenet.errors import Interrupted

number = signal.Signals[sys.argv[1]]
usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
signal.signal(number, usual)

def send(number=number):
    os.kill(os.getpid(), number)

"""


def said_by(body, name):
    """What a program prints that sends itself a signal."""
    command = [sys.executable, "-c", PROGRAM + body, name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result
    return result.stdout, result.stderr


@pytest.mark.parametrize("name", KINDS)
def test_obeyed_as_ctrl_c_is(name):
    body = """
try:
    with signals.obeyed():
        send()
        print("went on")
except KeyboardInterrupt as stopped:
    print(stopped.signal == number, signal.getsignal(number) == usual)
"""
    assert said_by(body, name) == ("True True\n", "")


@pytest.mark.parametrize("name", KINDS)
def test_noticed_once_and_then_obeyed(name):
    body = """
try:
    with signals.noticed() as noted:
        assert not noted
        send()
        print(noted == [number], flush=True)
        send(signal.SIGTERM)
        print("went on")
except Interrupted as stopped:
    print(stopped.signal == signal.SIGTERM)
"""
    said, hint = said_by(body, name)
    assert said == "True\nTrue\n"
    assert len(hint.splitlines()) == 1 and "once more stops at once" in hint


FOREIGN = {
    "swallows": """
try:
    send()
except BaseException:  # as C++ does that calls Python
    pass
""",
    "takes_for_its_own": """
try:
    send()
except BaseException as error:
    raise RuntimeError("cannot be converted") from error
""",
    "passes_on": """
send()
""",
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_foreign_code_cannot_swallow_it(foreign):
    body = f"""
try:
    with signals.obeyed(), signals.insisted_on():
{textwrap.indent(FOREIGN[foreign], " " * 8)}
    print("went on")
except Interrupted as stopped:
    print(stopped.signal == number, signal.getsignal(number) == usual)
"""
    assert said_by(body, "SIGTERM") == ("True True\n", "")


def test_without_a_signal_nothing_is_insisted_on():
    body = """
with signals.insisted_on():
    pass
try:
    with signals.obeyed(), signals.insisted_on():
        raise ZeroDivisionError
except ZeroDivisionError:
    print("its own")
try:
    with signals.insisted_on():  # without handlers of ours
        try:
            send()
        except BaseException:
            pass
except KeyboardInterrupt:
    print("insisted on")
"""
    assert said_by(body, "SIGINT") == ("its own\ninsisted on\n", "")


def test_what_is_ignored_stays_ignored():
    """`nohup` ignores SIGHUP, and shells let scripts in the background ignore SIGINT."""
    body = """
signal.signal(number, signal.SIG_IGN)
with signals.obeyed(), signals.noticed() as noted:
    send()
print(noted, signal.getsignal(number) == signal.SIG_IGN)
"""
    assert said_by(body, "SIGINT") == ("[] True\n", "")


def test_other_threads_leave_signals_alone():
    body = """
def work():
    with signals.obeyed(), signals.noticed():
        print(signal.getsignal(number) == usual)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert said_by(body, "SIGTERM") == ("True\n", "")


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_verb_that_is_stopped_says_one_line(name, status, monkeypatch, capsys):
    def stop(args):
        raise Interrupted("interrupted", getattr(signal, name))

    monkeypatch.setattr(summary, "run", stop)
    assert cli.main(["summary"]) == status
    assert capsys.readouterr().err == "multiposenet: interrupted\n"
