"""One estimator in many threads gives the answers that it gives in one."""

import importlib.util
import threading

import keras
import numpy as np
import pytest
from fake_model import CORNERS, RectangleFinder
from random_model import random_model

from multiposenet.runtimes import export, exported
from multiposenet.systems.estimator import Estimator

THREADS, CALLS = 8, 6


def photos():
    """Noise, a red and a blue rectangle."""
    rng = np.random.default_rng(0)
    images = [
        rng.integers(100, 110, (*size, 3), np.uint8)
        for size in ((64, 64), (64, 96), (128, 64), (96, 128))
    ]
    for place, image in enumerate(images):
        for colour, left in ((0, 3 + place), (2, 30 + place)):
            image[10 + place : 40, left : left + 20] = np.eye(3, dtype=np.uint8)[colour] * 255
    return images


def fields(poses):
    return [poses.boxes, poses.keypoints, poses.keypoint_scores, poses.scores, poses.mask]


def answers_of_threads(pose, images):
    """The answers of many threads, each in another order."""
    found, start = {}, threading.Barrier(THREADS)

    def one(thread):
        start.wait()
        for call in range(CALLS):
            index = (thread + call) % len(images)
            found[thread, call] = index, fields(pose(images[index]))

    threads = [threading.Thread(target=one, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == THREADS * CALLS
    return found.values()


def check(pose, people):
    images = photos()
    alone = [fields(pose(image)) for image in images]
    assert all(len(each[0]) == people for each in alone)
    for several, truth in zip(pose(images * 2), alone * 2, strict=True):
        for ours, theirs in zip(fields(several), truth, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for index, together in answers_of_threads(pose, images):
        for ours, truth in zip(together, alone[index], strict=True):
            np.testing.assert_allclose(ours, truth, atol=1e-4)


def test_keras():
    check(Estimator(random_model(), image_size=64, score=0.01), people=3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow exports")
@pytest.mark.parametrize("kind", ("onnx", "openvino", "litert", "saved_model"))
def test_exported(kind, tmp_path):
    if not all(importlib.util.find_spec(name) for name in exported.PACKAGES[kind]):
        pytest.skip(f"pip install multiposenet[{kind}]")
    size = (64, 64) if kind == "litert" else None
    path = tmp_path / f"finder{exported.FORMATS[kind]}"
    export.write(RectangleFinder(), path, kind, size)
    run = exported.open_function(path, kind)
    model = exported.ExportedModel(run, CORNERS, size, {}, kind)
    check(Estimator(model, 64, score=0.01), people=2)
    lanes = exported.lanes(kind)
    assert lanes == (1 if kind in ("litert", "saved_model") else min(8, exported.threads()))
    model = exported.ExportedModel(run, CORNERS, size, {}, kind, lanes=lanes)
    check(Estimator(model, 64, score=0.01), people=2)
