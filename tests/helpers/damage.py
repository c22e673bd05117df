"""Inputs that are nearly right: strategies of hypothesis that damage what is whole."""

import copy
import math

from hypothesis import strategies as st

_LARGE = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD = [
    *(None, True, False, 0, 1, -1, 2, 17, 0.5, -0.0, 1e-320, 1e18, 1e308, -1e308),
    *(math.nan, math.inf, -math.inf, 2**31, -(2**31), 2**53 + 1, 2**63, 2**64, 10**30, 10**400),
    *("", "1", "x", "nose", "\0", "\ud800", "a\nb", "../../a", "x" * 5000, "%s", "\x1b[2J"),
    *([], [[]], [None], [0, 0, 0], [math.nan] * 3, [1] * 51, [[1, 2], [3, 4]], {}, {"id": 1}),
    *([0] * 1000, {"counts": [1, 2], "size": [1, 3]}, {"counts": "a", "size": [9, 9]}),
]


@st.composite
def damaged_bytes(draw, originals):
    """One of the originals with up to six bytes or stretches changed; now and then untouched."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        # Headers stand in front, where there is more to break.
        last = max(len(data) - 1, 0)
        at = draw(st.integers(0, last) | st.integers(0, min(64, last)))
        kind = draw(st.sampled_from(("flip", "set", "number", "cut", "drop", "insert", "repeat")))
        length = draw(st.integers(1, 40))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            data[at : at + length] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "number":
            size, order = draw(st.sampled_from((1, 2, 4))), draw(st.sampled_from(("big", "little")))
            value = draw(st.sampled_from(_LARGE)) & (1 << 8 * size) - 1
            data[at : at + size] = value.to_bytes(size, order)
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + length]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            data[at:at] = data[at : at + length] * draw(st.integers(1, 50))
    return bytes(data)


def _places(value, place=()):
    yield place
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, each in inner:
        yield from _places(each, (*place, key))


@st.composite
def damaged_values(draw, originals):
    """One of the originals, of lists and dicts, with up to four fields changed."""
    value = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 4))):
        *above, last = draw(st.sampled_from([p for p in _places(value) if p] or [(None,)]))
        if last is None:  # nothing is left to change
            break
        holder = value
        for key in above:
            holder = holder[key]
        kind = draw(st.sampled_from(("replace", "replace", "replace", "delete", "double", "move")))
        if kind == "delete":
            del holder[last]
        elif kind == "double" and isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        elif kind == "move" and isinstance(holder, dict):
            holder[draw(st.sampled_from(("id", "size", "x", "keypoints", "")))] = holder.pop(last)
        else:
            holder[last] = copy.deepcopy(draw(st.sampled_from(ODD) | st.floats() | st.integers()))
    return value
