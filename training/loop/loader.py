"""Batches prepared ahead in the background, in an order that one seed decides."""

import os

from multiposenet.overlapped import mapped


def prefetch(make, steps, *, ahead=None, workers=None):
    """Yields ``make(step)`` for every step, in order, computed ahead by threads.

    OpenCV, Pillow and NumPy release Python's lock in the expensive parts, so threads suffice.

    Args:
        make: function of the step number; must draw all randomness from the step number, so that
            a resumed training sees the batches that it would have seen.
        steps: iterable of step numbers.
        ahead: batches prepared ahead; by default twice as many as workers.
        workers: threads; by default one for each core of this process, from 2 to 8.

    Closing the generator, as an error or the end of a ``for`` loop's block does, gives up what is
    not begun.
    """
    workers = workers or min(max(_cores(), 2), 8)
    ahead = 2 * workers if ahead is None else ahead
    yield from mapped(make, steps, workers, ahead)


def share_of(rows, process, processes):
    """The rows of a batch, as a slice, that one of several processes makes."""
    return slice(rows * process // processes, rows * (process + 1) // processes)


def _cores():
    if hasattr(os, "sched_getaffinity"):  # what a container or taskset leaves of the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
