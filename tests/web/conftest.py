"""A system that finds red and blue rectangles, and photos of them."""

import pytest
from command_line import RED, paint
from rectangles import rectangle_finder

from multiposenet.web.choices import Choices
from multiposenet.web.looks import Upload


@pytest.fixture
def network():
    """What the network was asked for, call by call."""
    return []


@pytest.fixture
def finder(network):
    return rectangle_finder(network)


@pytest.fixture
def choices(finder):
    return Choices(lambda system, model: finder, ["multiposenet", "rmpe"], ["one", "other"])


@pytest.fixture
def uploads(tmp_path):
    """Two people, one, nobody."""
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", [RED])
    paint(tmp_path / "c.png", [])
    return [Upload(tmp_path / name, name) for name in ("a.png", "b.png", "c.png")]
