"""Work of threads beside the caller's: order, bounds, errors in their place, and an end."""

import threading

import pytest

from multiposenet.overlapped import ahead, in_lanes, mapped


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("overlapped")]


def numbers(count, taken, closed=None):
    try:
        for number in range(count):
            taken.append(number)
            yield number
    finally:
        if closed is not None:
            closed.append(True)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_no_more_is_taken_than_told(workers):
    taken, found = [], []
    for result in mapped(lambda number: 10 * number, numbers(20, taken), workers, waiting=3):
        found.append(result)
        assert len(taken) <= len(found) + 3
    assert found == [10 * number for number in range(20)] and not threads()
    assert list(mapped(str, [])) == list(ahead([])) == []


def test_the_next_item_is_in_work_while_the_caller_has_one():
    begun = [threading.Event() for _ in range(4)]
    stream = mapped(lambda number: begun[number].set(), range(4), waiting=1)
    next(stream)
    assert begun[1].wait(10)
    stream.close()
    assert not threads()


def test_items_are_taken_in_advance_by_a_thread_and_closed_with_it():
    taken, closed, places = [], [], set()

    def told():
        for number in numbers(100, taken, closed):
            places.add(threading.current_thread())
            yield number

    stream = ahead(told(), waiting=2)
    assert [next(stream), next(stream)] == [0, 1]
    stream.close()
    assert len(taken) <= 4 and closed == [True] and not threads()
    assert threading.current_thread() not in places


@pytest.mark.parametrize(
    "count, lanes, kind",
    [(0, 2, "one"), (1, 2, "one"), (5, 1, "one"), (2, 2, "many"), (5, 3, "many")],
)
def test_several_items_go_through_lanes_and_one_alone_does_not(count, lanes, kind):
    functions = [lambda number, name=name: (name, number) for name in ("one", "many")]
    taken, found = [], []
    for result in in_lanes(*functions, numbers(count, taken), lanes):
        found.append(result)
        assert len(taken) <= len(found) + lanes
    assert found == [(kind, number) for number in range(count)] and not threads()


def test_as_many_items_are_in_work_as_there_are_lanes():
    together = threading.Barrier(3)
    assert list(in_lanes(None, lambda _: together.wait(10) >= 0, range(6), 3)) == [True] * 6


def test_lanes_end_with_the_caller():
    stream = in_lanes(int, int, numbers(50, taken := []), 2)
    next(stream)
    stream.close()
    assert len(taken) <= 3 and not threads()


@pytest.mark.parametrize("wrap", [ahead, lambda items: mapped(int, items)])
def test_an_error_comes_at_its_place(wrap):
    def broken():
        yield 1
        yield 2
        raise KeyError("third")

    found = []
    with pytest.raises(KeyError, match="third"):
        for item in wrap(broken()):
            found.append(item)
    assert found == ([1, 2] if wrap is ahead else found) and not threads()


def test_an_error_of_the_function_ends_the_threads():
    found = []
    with pytest.raises(ZeroDivisionError):
        for result in mapped(lambda number: 6 // number, [3, 2, 0, 1], workers=2):
            found.append(result)
    assert found == [2, 3] and not threads()


def test_an_interruption_of_the_caller_ends_the_threads():
    def work():
        for item in mapped(str, ahead(range(1000))):
            if item == "5":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not threads()
