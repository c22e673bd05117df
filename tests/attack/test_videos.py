"""Damaged video files."""

import functools
import tempfile
from pathlib import Path

import clips
import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes
from hypothesis import given

from multiposenet import sources

pytest.importorskip("av", reason="PyAV is not installed; pip install multiposenet[video]")
FRAMES = 4


@functools.cache
def originals():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        return [clips.write(path / name, FRAMES).read_bytes() for name in ("a.mp4", "a.mkv")]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("videos") / "a.mp4"


def read(path):
    """No more than could be in so small a file."""
    found = []
    for item in sources.frames(path):
        found.append(item)
        assert len(found) < 1000
    return found


def check(path, content):
    path.write_bytes(content)
    found = answer(read, path)
    assert not is_error(found)  # errors stand in the place of what they cost
    for item in found:
        if is_error(item):
            assert str(item).startswith(f"{path}: ") and "\n" not in str(item)
        else:
            assert item.image.dtype == np.uint8 and item.image.ndim == 3
    return found


@given(damaged_bytes(originals()))
def test_a_damaged_video_is_frames_and_errors(path, content):
    check(path, content)


def test_what_is_not_attacked_is_right(path):
    for content in originals():
        found = check(path, content)
        assert len(found) == FRAMES and not any(map(is_error, found))
