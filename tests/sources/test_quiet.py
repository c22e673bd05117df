"""Warnings kept back in one thread, and only there."""

import threading
import warnings

import pytest

from multiposenet.sources import quiet
from multiposenet.sources.quiet import no_warnings


@pytest.fixture
def elsewhere():
    """Another thread within a block; set the event to let it leave."""
    inside, leave = threading.Event(), threading.Event()

    def work():
        with no_warnings():
            inside.set()
            assert leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    leave.join = thread.join
    yield leave
    leave.set()
    thread.join()


def test_others_are_heard_meanwhile(elsewhere):
    with pytest.warns(UserWarning, match="told") as told:
        warnings.warn("told", stacklevel=1)
        elsewhere.set()
        elsewhere.join()
    assert len(told) == 1


def test_what_others_ask_for_stays(elsewhere):
    """It began before a user's own block and ends within it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        elsewhere.set()
        elsewhere.join()
        warnings.warn("told", stacklevel=1)
    assert [str(warning.message) for warning in told] == ["told"]


def test_nothing_is_heard_of_any_thread_within():
    def work():
        with no_warnings():
            warnings.warn("kept back", stacklevel=1)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not told


def test_blocks_in_blocks():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with no_warnings():
            with no_warnings():
                warnings.warn("a", stacklevel=1)
            warnings.warn("b", stacklevel=1)
        warnings.warn("c", stacklevel=1)
    assert [str(warning.message) for warning in told] == ["c"]


def test_one_filter_is_left():
    before = [one for one in warnings.filters if one != quiet._FILTER]
    for _ in range(3):
        with no_warnings():
            pass
        warnings.filterwarnings("default", message="nothing like this")
    assert sum(one == quiet._FILTER for one in warnings.filters) == 1
    assert all(one in warnings.filters for one in before)


def test_an_error_within_ends_the_block():
    with pytest.raises(ValueError), no_warnings():
        raise ValueError
    with pytest.warns(UserWarning, match="told"):
        warnings.warn("told", stacklevel=1)
