"""What keeps a crowd as cheap as one person, and memory flat."""

import gc
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from constant_model import crowd_of
from fake_model import RectangleFinder

import multiposenet
from multiposenet import sources
from multiposenet.evaluation import speed
from multiposenet.systems.estimator import Estimator

WAITING = ("threading", "queue", "concurrent.futures._base", "concurrent.futures.thread")


def python_calls(function) -> int:
    """How many Python and C functions run in this thread while a function runs.

    To wait for another thread takes a few calls more or less, and what garbage there is, is of
    earlier tests: neither counts.
    """
    count = 0

    def profiler(frame, event, argument):
        nonlocal count
        waits = frame.f_globals.get("__name__") in WAITING
        count += event in ("call", "c_call") and not waits

    gc.collect()
    gc.disable()
    sys.setprofile(profiler)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_no_python_loop_over_people_or_keypoints_behind_the_model():
    image = np.zeros((64, 64, 3), np.uint8)
    calls = {}
    for people in (1, 20):
        pose = crowd_of(people)
        assert len(pose(image)) == people
        calls[people] = min(python_calls(lambda pose=pose: pose(image)) for _ in range(5))
    assert calls[1] == calls[20]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the others trace anew")
def test_no_python_loop_from_array_to_poses():
    pose = multiposenet.load("multiposenet-nano", image_size=512, score=0.1)
    person = sources.read_image(sources.sample_photo())
    images = {people: speed.crowd(person, people, (384, 512)) for people in (1, 20)}
    found = {people: len(pose(image)) for people, image in images.items()}
    assert found[20] >= found[1] + 5
    # The least of some runs: TensorFlow has threads of its own to wait for.
    calls = {
        people: min(python_calls(lambda i=image: pose(i)) for _ in range(5))
        for people, image in images.items()
    }
    assert calls[1] == calls[20]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_photos():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    pose = Estimator(RectangleFinder(), image_size=96)  # few operations, traced as all networks
    rng = np.random.default_rng(0)
    photos = (rng.integers(0, 255, (rng.choice([48, 64, 96]), 96, 3), np.uint8) for _ in range(700))
    before = None
    for index, (_, people) in enumerate(pose.stream(photos)):
        assert people is not None
        if index == 100:
            before = resident()
    assert resident() - before < 20
