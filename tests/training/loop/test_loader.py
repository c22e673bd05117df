"""Batches made ahead: order, how far ahead, errors, and what stopping gives up."""

import threading

import pytest

from multiposenet.training.loop import loader
from multiposenet.training.loop.loader import prefetch


def test_prefetch_keeps_the_order():
    turns = {step: threading.Event() for step in range(3)}

    def make(step):
        # 0 is ready after 1: what is ready first is not delivered first.
        if step == 0:
            assert turns[1].wait(10)
        turns[min(step, 2)].set()
        return step * step

    assert list(prefetch(make, range(20))) == [step * step for step in range(20)]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_prefetch_of_few_steps(steps):
    assert list(prefetch(str, range(steps), ahead=4)) == [str(step) for step in range(steps)]


def test_prefetch_works_only_a_little_ahead():
    made = []
    batches = prefetch(lambda step: made.append(step) or step, iter(range(1000)), ahead=3)
    assert [next(batches) for _ in range(5)] == list(range(5))
    batches.close()
    assert max(made) < 5 + 4


def test_prefetch_passes_an_exception_on_in_its_place():
    def make(step):
        if step == 3:
            raise KeyError("no such photo")
        return step

    delivered = []
    with pytest.raises(KeyError, match="no such photo"):
        for value in prefetch(make, range(10)):
            delivered.append(value)
    assert delivered == [0, 1, 2]


def test_stopping_gives_up_what_is_not_begun():
    begun, go_on = [], threading.Event()

    def make(step):
        begun.append(step)
        if step > 0:
            assert go_on.wait(10)
        return step

    batches = prefetch(make, range(1000), ahead=20, workers=2)
    assert next(batches) == 0
    threading.Timer(0.05, go_on.set).start()
    batches.close()  # waits for the two that are under way
    assert len(begun) <= 5


def test_as_many_threads_as_cores(monkeypatch):
    for cores, threads in ((1, 2), (4, 4), (64, 8)):
        monkeypatch.setattr(loader, "_cores", lambda cores=cores: cores)
        together = threading.Barrier(threads)  # passes only if all wait at the same time
        assert list(prefetch(lambda step, b=together: b.wait(10) < 99, range(threads)))
