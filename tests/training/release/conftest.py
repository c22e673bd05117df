"""Photos and a MoveNet that the tunings share."""

import pytest
import random_movenet

from multiposenet.training import datasets
from multiposenet.training.datasets import synthetic


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    synthetic.write(folder, photos=3, seed=1, size=(96, 128), people=(1, 2))
    return datasets.read(f"coco:{folder}")


@pytest.fixture(scope="session")
def movenet(tmp_path_factory):
    return random_movenet.write(tmp_path_factory.mktemp("movenet"))
