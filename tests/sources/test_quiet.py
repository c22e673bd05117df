"""Warnings kept back in several threads at once come back afterwards."""

import threading
import warnings

import pytest

from multiposenet.sources.quiet import no_warnings


def test_the_filters_come_back_when_the_last_thread_leaves():
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first():
        with no_warnings():
            first_in.set()
            assert second_in.wait(10)
        first_out.set()

    def second():
        assert first_in.wait(10)
        with no_warnings():
            second_in.set()
            assert first_out.wait(10)
            warnings.warn("kept back", stacklevel=1)

    before = list(warnings.filters)
    pair = [threading.Thread(target=work) for work in (first, second)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="told"):
        warnings.warn("told", stacklevel=1)
