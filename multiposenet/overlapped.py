"""Work of threads beside that of the caller: in order, a few items ahead, ended with the caller.

>>> frames = ahead(read(paths), waiting=2)      # the next ones are decoded
>>> found = map(network, frames)                # while the network sees this one
>>> for item in mapped(draw, found, workers=2): # and the last ones are drawn
...     store(item)

What is raised anywhere comes out of the iterator at the place of its item, and no thread outlives
an iterator that is closed, exhausted or left by an error. Threads help since decoders, encoders,
OpenCV and the runtimes let others run meanwhile.
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

_END = object()


def mapped(
    function: Callable, items: Iterable, workers: int = 1, waiting: int = 2
) -> Iterator[object]:
    """Yields a function of each item, in order, computed in threads.

    Args:
        function: of an item; it runs in threads.
        items: taken in the caller's thread, no more than `waiting` ahead of what was yielded.
        workers: threads.
        waiting: results that are in work or ready at most, which bounds the memory.
    """
    pool, pending = ThreadPoolExecutor(workers, "overlapped"), deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > waiting:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_lanes(one: Callable, many: Callable, items: Iterable, lanes: int) -> Iterator[object]:
    """Yields a function of each item, in order, computed in as many threads as there are lanes.

    Args:
        one: of an item that is alone, or of each if there is one lane; it runs in the caller's
            thread.
        many: of each of several items; it runs in threads.
        items: taken in the caller's thread.
        lanes: threads; one item more waits.
    """
    items = iter(items)
    begun = list(itertools.islice(items, 2)) if lanes > 1 else []
    if len(begun) < 2:
        yield from map(one, itertools.chain(begun, items))
        return
    items = itertools.chain(begun, items)
    with contextlib.closing(mapped(many, items, lanes, lanes)) as results:
        yield from results


def ahead(items: Iterable, waiting: int = 2) -> Iterator[object]:
    """Yields the items, which a thread takes while the caller works with earlier ones.

    Args:
        items: taken in a thread alone, and closed in the end if that is possible.
        waiting: items that are taken in advance at most.
    """
    iterator = iter(items)
    taken = mapped(lambda _: next(iterator, _END), itertools.repeat(None), waiting=waiting)
    try:
        for item in taken:
            if item is _END:
                return
            yield item
    finally:
        taken.close()  # first, so that no thread is in the iterator when it is closed
        if hasattr(iterator, "close"):
            iterator.close()
