"""What fits into a cluster; nothing is ever planned that would wait for ever."""

import itertools
import math

import pytest

from multiposenet.errors import InputError
from multiposenet.ray.resources import Share, share


@pytest.mark.parametrize(
    "nodes, kept, given, expected",
    [
        ([2], 0, {}, Share(1, 2)),
        ([2], 1, {}, Share(1, 1)),  # two of one CPU would starve the reader
        ([16], 1, {}, Share(7, 2)),
        ([2, 2, 2], 1, {}, Share(2, 2)),
        ([3, 3], 0, {}, Share(2, 2)),  # an actor is on one machine
        ([4], 0, {"actors": 3}, Share(3, 1)),
        ([4], 0, {"cpus": 4}, Share(1, 4)),
        ([1], 0, {}, Share(1, 1)),
        ([1], 1, {"cpus": 0.5}, None),
        ([2], 1, {"actors": 2}, None),
        ([2], 0, {"cpus": 3}, None),
        ([2, 2], 0, {"cpus": 4}, None),
        ([], 0, {}, None),
    ],
)
def test_shares(nodes, kept, given, expected):
    if expected:
        assert share(nodes, kept, **given) == expected
        return
    with pytest.raises(InputError, match=r"^ray: actors: \d .* do not fit .*; take (\d|f)"):
        share(nodes, kept, **given)


def test_no_share_leaves_less_than_was_to_be_kept():
    for nodes in itertools.product([1, 2, 5, 16], repeat=2):
        for kept, actors, cpus in itertools.product([0, 1, 2], [None, 1, 3], [None, 1, 2, 4]):
            try:
                found = share(nodes, kept, actors, cpus)
            except InputError:
                continue
            assert found.actors >= 1 and found.actors * found.cpus + kept <= sum(nodes)
            assert found.actors <= sum(math.floor(node / found.cpus) for node in nodes)
            assert actors in (None, found.actors) and cpus in (None, found.cpus)


def test_threads_are_whole():
    assert Share(1, 0.5).threads == 1 and Share(1, 3).threads == 3
