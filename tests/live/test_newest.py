"""Who is slow gets what is new."""

import threading

import pytest

from multiposenet.live.newest import newest


def test_older_items_are_let_go():
    taken, go = threading.Event(), threading.Event()

    def items():
        yield 0
        go.wait(5)
        yield from range(1, 100)
        taken.set()

    found = newest(items())
    assert next(found) == 0
    go.set()
    taken.wait(5)
    assert list(found) == [99]


def test_every_item_is_seen_by_a_quick_caller():
    more = threading.Semaphore(0)

    def items():
        for number in range(5):
            yield number
            more.acquire()

    seen = []
    for item in newest(items()):
        seen.append(item)
        more.release()
    assert seen == [0, 1, 2, 3, 4]


def test_what_is_raised_comes_out_and_a_closed_one_closes_its_items():
    def broken():
        yield 1
        raise OSError("unplugged")

    found = newest(broken())
    with pytest.raises(OSError, match="unplugged"):
        list(found)
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    found = newest(endless())
    next(found)
    found.close()
    assert closed.wait(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "newest"]
