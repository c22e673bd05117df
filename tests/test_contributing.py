"""CONTRIBUTING's picture of the rooms follows the order of imports that the tests hold."""

import re
from pathlib import Path

import test_imports

ROOT = Path(__file__).resolve().parent.parent


def test_the_picture_shows_every_room_in_the_order_of_imports():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = re.search(r"## The rooms.*?```text\n(.*?)```", text, re.S)[1]
    names = [line.strip().partition("  ")[0] for line in picture.splitlines() if line.strip()]
    shown = [name for line in names for name in line.split()]
    order = [name.split(".")[-1] for name in test_imports.ORDER]
    places = [order.index(name.strip("/")) for name in shown]
    assert places == sorted(places)
    known = test_imports.modules()
    rooms = [name for name in test_imports.ORDER[1:] if known[name].name == "__init__.py"]
    assert {name.split(".")[-1] for name in rooms} <= {name.strip("/") for name in shown}
