"""What the signals that ask to stop do, and to whom."""

import os
import signal
import threading

import pytest
from usual_signals import KINDS, usual_handlers  # noqa: F401

from multiposenet import cli, signals
from multiposenet.commands import summary
from multiposenet.errors import Interrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows")


def send(name):
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize("name", KINDS)
def test_obeyed_as_ctrl_c_is(name):
    before = signal.getsignal(getattr(signal, name))
    with pytest.raises(KeyboardInterrupt) as stopped, signals.obeyed():
        send(name)
    assert stopped.value.signal == getattr(signal, name)
    assert signal.getsignal(getattr(signal, name)) is before


@pytest.mark.parametrize("name", KINDS)
def test_noticed_once_and_then_obeyed(name, capfd):
    with pytest.raises(Interrupted), signals.noticed() as noted:
        assert not noted
        send(name)
        assert noted == [getattr(signal, name)]
        assert len(capfd.readouterr().err.splitlines()) == 1
        send("SIGTERM")
    assert capfd.readouterr().err == ""


def swallow(name="SIGTERM"):
    try:
        send(name)
    except BaseException:  # as C++ does that calls Python
        pass


def take_for_its_own():
    try:
        send("SIGTERM")
    except BaseException as error:
        raise RuntimeError("cannot be converted") from error


@pytest.mark.parametrize("foreign", [swallow, take_for_its_own, lambda: send("SIGTERM")])
def test_foreign_code_cannot_swallow_it(foreign):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stopped, signals.obeyed(), signals.insisted_on():
        foreign()
    assert stopped.value.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_without_a_signal_nothing_is_insisted_on():
    with signals.insisted_on():
        pass
    with pytest.raises(ZeroDivisionError), signals.obeyed(), signals.insisted_on():
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), signals.insisted_on():  # without handlers of ours
        swallow("SIGINT")


def test_what_is_ignored_stays_ignored():
    """`nohup` ignores SIGHUP, and shells let scripts in the background ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.obeyed(), signals.noticed() as noted:
            send("SIGINT")
        assert not noted
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone():
    before, inside = signal.getsignal(signal.SIGTERM), []

    def work():
        with signals.obeyed(), signals.noticed():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_verb_that_is_stopped_says_one_line(name, status, monkeypatch, capsys):
    monkeypatch.setattr(summary, "run", lambda args: send(name))
    assert cli.main(["summary"]) == status
    assert capsys.readouterr().err == "multiposenet: interrupted\n"
