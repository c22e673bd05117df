"""The long run, shortly, on a model that finds the same everywhere."""

import endurance
import pytest
from constant_model import crowd_of

from multiposenet.systems.estimator import Estimator


@pytest.fixture
def crowd(monkeypatch):
    monkeypatch.setattr("multiposenet.load", lambda *names, **options: crowd_of(3))


def test_threads(crowd, capsys):
    assert endurance.main(["threads", "--seconds", "0.05", "--photos", "2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("keras threads: 8, answers: ") and "other answers: 0" in told


def test_other_answers_are_seen(crowd, capsys, monkeypatch):
    calls, call = [], Estimator.__call__

    def drifts(self, source):
        calls.append(1)
        poses = call(self, source)
        return poses[:2] if len(calls) > 2 else poses

    monkeypatch.setattr(Estimator, "__call__", drifts)
    assert endurance.main(["threads", "--seconds", "0.05", "--photos", "2"]) == 0
    told = capsys.readouterr().out
    assert "other answers: 0" not in told and "largest difference, px: inf" in told


def test_memory(crowd, capsys):
    assert endurance.main(["memory", "--calls", "8", "--runtime", "a,b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["a", "b"] and "after 8: " in lines[0]
