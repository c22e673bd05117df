"""Runtimes in processes that were forked from one that has used them."""

import os

import pytest

from multiposenet.errors import ForkError
from multiposenet.runtimes import forks
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.systems.sppe_files import load_network

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def forked(work):
    """What a fork of this process returns, or raises, as text."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.wait()
    return text


@pytest.mark.parametrize("work", (lambda: MultiPoseNet("nano"), load_network), ids=("net", "sppe"))
def test_keras_says_what_to_do_in_place_of_hanging(work):
    forks.check(forks.KERAS)
    told = forked(work)
    assert told.startswith("ForkError: Keras or its backend: fork: was in use before this process")
    assert told.endswith("multiprocessing.get_context('spawn')") and "\n" not in told


def test_what_was_not_in_use_may_be_used(monkeypatch):
    monkeypatch.setattr(forks, "_PROCESS_OF", {})
    assert forked(lambda: forks.check("a runtime")) == "None"
    forks.check("a runtime")
    forks.check("a runtime")
    with pytest.raises(ForkError), monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        forks.check("a runtime")


def test_made_anew_in_each_process():
    call = forks.of_each_process(lambda: (lambda made: lambda: made)(os.getpid()))
    assert call() == os.getpid() == call()
    assert forked(lambda: call() == os.getpid() == call()) == "True"
