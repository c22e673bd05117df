"""Photos over which workers die: which of them is given up, and how many workers they cost."""

import fake_finder
import numpy as np
import pytest

from multiposenet.ray import finder
from multiposenet.ray.suspects import LIMIT, Suspects
from multiposenet.sources import Frame

pytest.importorskip("pyarrow", reason="workers return tables")


class Died(Exception):
    """In place of a process's end."""


class Fragile(fake_finder.MeanFinder):
    """Dies over some photos."""

    def __init__(self, ends):
        super().__init__()
        self.ends, self.seen = ends, []

    def _poses(self, frame):
        self.seen.append(frame.name)
        if frame.name in self.ends:
            raise Died
        return super()._poses(frame)


class Local:
    """`Shared` for one worker of this process."""

    def __init__(self, noted=None, worker="worker"):
        self.noted, self.worker = noted or Suspects(), worker
        self.deaths = self.noted.deaths

    def arrive(self):
        self.noted.arrive(self.worker)

    def begin(self, photo):
        self.noted.begin(self.worker, photo)

    def finish(self, photo):
        self.noted.finish(self.worker, photo)


@pytest.fixture(autouse=True)
def threads_as_they_are(monkeypatch):
    monkeypatch.setattr(finder.exported, "limit_threads", lambda count: None)


def frames(rows):
    for row in rows:
        yield Frame(np.zeros((4, 4, 3), np.uint8), row["file_name"])


def batch(names):
    return {"file_name": np.array(list(names))}


def repeated(system, suspects, batches):
    """The rows of a task of some batches, repeated as Ray does, and how many workers it cost."""
    for deaths in range(20):
        worker = finder.Finder(lambda: system, frames, 1, suspects)
        try:
            return [row for part in batches for row in worker(batch(part)).to_pylist()], deaths
        except Died:
            continue
    raise AssertionError("no end")


@pytest.mark.parametrize("lethal", ["a", "c", "f", "cd", "af"])
def test_only_what_kills_is_given_up(lethal):
    system = Fragile(lethal)
    rows, deaths = repeated(system, Local(), ["abc", "def"])
    assert [row["file_name"] for row in rows] == list("abcdef")
    assert {row["file_name"] for row in rows if row["error"]} == set(lethal)
    assert all(len(row["people"]) == (row["file_name"] not in lethal) for row in rows)
    assert deaths <= LIMIT * len(lethal)
    assert all(system.seen.count(name) <= LIMIT for name in lethal)


def test_workers_that_died_of_something_else_cost_nothing():
    suspects = Local()
    for _ in range(LIMIT):
        with pytest.raises(Died):
            finder.Finder(lambda: Fragile("b"), frames, 1, suspects)(batch("ab"))
        rows, _ = repeated(Fragile(""), suspects, ["ab", "a"])
        assert len(rows) == 3 and not any(row["error"] for row in rows)


def test_the_same_photo_in_work_elsewhere_is_no_death():
    noted = Suspects()
    for worker in range(2 * LIMIT):
        one = Local(noted, worker)
        one.arrive()
        one.begin("photo")
    assert noted.deaths(["photo"]) == [0]
    for _ in range(2):
        one.arrive()  # once more, without a photo
    assert noted.deaths(["photo", "other"]) == [1, 0]
    one.begin("photo")
    one.finish("photo")
    one.arrive()
    assert noted.deaths(["photo"]) == [0]
