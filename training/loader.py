"""Batches prepared ahead in the background, in an order that one seed decides."""

import collections
from concurrent.futures import ThreadPoolExecutor


def prefetch(make, steps, *, ahead=4, workers=2):
    """Yields ``make(step)`` for every step, in order, computed ahead by threads.

    OpenCV and NumPy release Python's lock in the expensive parts, so threads suffice.

    Args:
        make: function of the step number; must draw all randomness from the step number, so that
            a resumed training sees the batches that it would have seen.
        steps: iterable of step numbers.
        ahead: batches prepared ahead.
        workers: threads.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending = collections.deque()
        for step in steps:
            pending.append(pool.submit(make, step))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
