"""CONTRIBUTING's picture of the rooms follows the order of imports that the tests hold."""

import re
from collections import Counter
from pathlib import Path

import test_imports

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("multiposenet", "training", "weights", "benchmarks", "notebooks", "tests")


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


def test_files_and_rooms_stay_small():
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    long = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: lines for path, lines in long.items() if lines > 400} == {}
    modules = Counter(path.parent for path in files)
    assert {room: count for room, count in modules.items() if count > 24} == {}
    assert modules[ROOT / "training"] <= 6
