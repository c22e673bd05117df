"""Limits are told in one line."""

import pytest

from multiposenet.errors import InputError
from multiposenet.web.limits import Deadline, Limits


def test_counts_and_lengths():
    limits = Limits(photos=2, clip=10)
    limits.check_count(2)
    limits.check_length("a.mp4", 10)
    limits.check_length("a.mp4", None)
    with pytest.raises(InputError, match="^photos: 3 at once, more than 2; upload fewer$"):
        limits.check_count(3)
    with pytest.raises(InputError, match="^a.mp4: length: 12 s, more than 10; cut the clip$"):
        limits.check_length("a.mp4", 12.3)


def test_pixels():
    with pytest.raises(InputError, match="more than 3 million"):
        Limits(megapixels=3).of_images.check(2000, 2000, "a.png")


def test_a_deadline():
    Deadline(60).check("a.png")
    with pytest.raises(InputError, match="^a.png: time: over after 0 s; upload less"):
        Deadline(0).check("a.png")
