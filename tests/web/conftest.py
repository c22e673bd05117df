"""A system that finds red and blue rectangles, photos of them, and the page served with it."""

import os

import pytest
from command_line import RED, paint
from rectangles import rectangle_finder

from multiposenet import cli
from multiposenet.commands import serve
from multiposenet.systems import estimator
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


@pytest.fixture(scope="module")
def served():
    """The address of `multiposenet serve` with the same system, and what its network was asked."""
    pytest.importorskip("gradio", reason="Gradio is not installed; pip install multiposenet[web]")
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimator, "load", lambda name, **options: rectangle_finder(runs))
        patch.setenv("no_proxy", ",".join([os.environ.get("no_proxy", ""), "127.0.0.1"]))
        command = ["serve", "--port", "0", "--max-megabytes", "1", "--max-clip", "2"]
        with serve.opened(cli.parser().parse_args(command)) as url:
            yield url, runs
