"""Fixtures of the command-line tests."""

import functools

import pytest
from fake_model import RectangleFinder

from multiposenet.systems import estimator
from multiposenet.training.datasets import synthetic


@functools.cache
def rectangle_finder(**options):
    return estimator.Estimator(RectangleFinder(), **options)


@pytest.fixture
def fake_model(monkeypatch):
    """`load` gives the real estimator with a model that finds red and blue rectangles, with pose
    scores 0.81 and 0.25. The fixture is the list of the calls."""
    calls = []

    def load(name, runtime=None, **options):
        calls.append((name, options))
        return rectangle_finder(**{"image_size": 128, "score": 0.2, **options})

    monkeypatch.setattr(estimator, "load", load)
    return calls


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Synthetic scenes with nothing wrong; tests change copies."""
    folder = tmp_path_factory.mktemp("clean")
    synthetic.write(folder, photos=4, seed=2, size=(96, 128), people=(2, 3), crowd=0.5)
    return folder
