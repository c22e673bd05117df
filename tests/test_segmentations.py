"""Segmentations: what pycocotools may see, and what it must not."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from multiposenet.segmentations import clean, draw, problem

H, W = 40, 50
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]


def code(mask):
    """(compressed text, list of counts) of a bool mask."""
    text = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    flat = mask.ravel(order="F")
    places = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    return text, ([0] if flat[0] else []) + np.diff(places).tolist()


@pytest.mark.parametrize("seed", range(30))
def test_codes_of_any_mask_are_good_and_drawn(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 80, 2).tolist()
    mask = rng.random((height, width)) < rng.choice([0, 0.01, 0.5, 0.99, 1])
    for counts in code(mask):
        segmentation = {"size": [height, width], "counts": counts}
        assert problem(segmentation, height, width) is None
        np.testing.assert_array_equal(draw(clean(segmentation), (height, width)), mask)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_codes_never_reach_the_c_code(seed):
    rng = np.random.default_rng(seed)
    text, counts = code(rng.random((H, W)) < 0.3)
    for _ in range(30):
        letters = list(text)
        for place in rng.integers(0, len(letters), rng.integers(1, 4)):
            letters[place] = chr(rng.integers(32, 127))
        changed = "".join(letters[: rng.integers(1, len(letters) + 1)])
        segmentation = {"size": [H, W], "counts": changed}
        if problem(segmentation, H, W) is None:  # still fills the photo
            assert draw(segmentation, (H, W)).shape == (H, W)
        changed = [int(c) for c in counts]
        changed[rng.integers(len(changed))] += int(rng.choice([-1000, -1, 1, 2**31, 2**63]))
        assert "add up to" in problem({"size": [H, W], "counts": changed}, H, W)


NONE = [None, [], [[]], [[], []], [[1, 2]], [[1, 2, 3, 4]], [[1, 2], [3, 4, 5, 6]]]


@pytest.mark.parametrize("segmentation", NONE, ids=str)
def test_what_encloses_nothing_is_no_mask(segmentation):
    assert problem(segmentation, H, W) is None
    assert clean(segmentation) is None


def test_what_encloses_nothing_is_left_out():
    assert clean([[1, 2], SQUARE, []]) == [SQUARE]
    assert clean([SQUARE]) == [SQUARE]
    assert draw([SQUARE], (H, W)).sum() == 20 * 20


@pytest.mark.parametrize(
    ("segmentation", "told"),
    [
        (SQUARE, "a flat list of numbers; put each polygon"),
        ([1.5, 2], "a flat list"),
        ([[10, 10], [30, 10], [30, 30]], "[x, y] pairs"),
        ([[[10, 10], [30, 10], [30, 30]]], "[x, y] pairs"),
        ([SQUARE, [[1, 2]]], "[x, y] pairs"),
        ("polygon", "'polygon' is no list of polygons"),
        (7, "7 is no list"),
        (True, "True is no list"),
        ([None], "is no list of polygons"),
        ([SQUARE, None], "is no list of polygons"),
        ([list(map(str, SQUARE))], "is not only numbers"),
        ([[1, 2, 3, None, 5, 6]], "is not only numbers"),
        ([[1, 2, 3, True, 5, 6]], "is not only numbers"),
        ([SQUARE[:-1]], "a polygon of 7 numbers"),
        ([[1]], "a polygon of 1 numbers"),
        *[
            ([SQUARE, [1, 2, bad, 4, 5, 6]], "a corner at")
            for bad in (2**31, -(2**31), 2**63, 1e30, 1e5 + 1, np.nan, np.inf, -np.inf, 10**400)
        ],
        ([[0, 0, 9e4, 9e4] * 10], "an outline of 1.8e+06 pixels"),
        ({}, "size None"),
        ({"counts": [H * W]}, "size None"),
        ({"size": [W, H], "counts": [H * W]}, "its photo has [40, 50]"),
        ({"size": [H, W, 1], "counts": [H * W]}, "its photo has"),
        ({"size": "40x50", "counts": [H * W]}, "its photo has"),
        ({"size": [H, W]}, "counts are None"),
        ({"size": [H, W], "counts": []}, "counts add up to 0"),
        ({"size": [H, W], "counts": [H * W - 1]}, "counts add up to 1,999"),
        ({"size": [H, W], "counts": [H * W, 5]}, "counts add up to 2,005"),
        ({"size": [H, W], "counts": [H * W + 5, -5]}, "counts add up to"),
        ({"size": [H, W], "counts": [10, 5, 60, 5]}, "in turn"),  # starts and lengths
        ({"size": [H, W], "counts": [1.5, 1998.5]}, "counts are [1.5"),
        ({"size": [H, W], "counts": ["2000"]}, "counts are ['2000']"),
        ({"size": [H, W], "counts": "10 5 60 5"}, "no compressed run-length code"),
        ({"size": [H, W], "counts": ""}, "no compressed"),
        ({"size": [H, W], "counts": "é"}, "no compressed"),
        ({"size": [H, W], "counts": "oooo"}, "no compressed"),
        ({"size": [H, W], "counts": "oooooooooo0"}, "no compressed"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_defects(segmentation, told):
    found = problem(segmentation, H, W)
    assert told in found and len(found) < 200


def test_a_photo_that_is_never_read_is_not_drawn():
    with pytest.raises(ValueError, match="more than 100 million"):
        draw([SQUARE], (30_000, 30_000))
