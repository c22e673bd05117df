"""What keeps a crowd as cheap as one person, and memory flat."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import multiposenet
from multiposenet import sources
from multiposenet.evaluation import components, speed
from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import COCO_17
from multiposenet.systems.estimator import Estimator


def python_calls(function) -> int:
    """How many Python and C functions run in this thread while a function runs."""
    count = 0

    def profiler(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profiler)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def crowd_of(people):
    """An estimator whose model finds so many people, whatever the image."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 40, (1, 30, 2))
    used = (np.arange(30) < people)[None].astype("float32")
    outputs = {
        "boxes": np.concatenate([corner, corner + 20], axis=-1).astype("float32"),
        "box_scores": used,
        "keypoints": rng.uniform(0, 64, (1, 30, 17, 2)).astype("float32"),
        "keypoint_scores": np.ones((1, 30, 17), "float32"),
        "pose_scores": used * rng.uniform(0.5, 1, (1, 30)).astype("float32"),
        "heatmaps": np.zeros((1, 16, 16, 17), "float32"),
        "mask": np.zeros((1, 16, 16), "float32"),
    }
    return Estimator(ExportedModel(lambda images, names: outputs, COCO_17, None, {}, "none"), 64)


def test_no_python_loop_over_people_or_joints_behind_the_model():
    image = np.zeros((64, 64, 3), np.uint8)
    calls = {}
    for people in (1, 20):
        pose = crowd_of(people)
        assert len(pose(image)) == people
        calls[people] = python_calls(lambda pose=pose: pose(image))
    assert calls[1] == calls[20]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the others trace anew")
def test_no_python_loop_from_array_to_poses():
    pose = multiposenet.load("multiposenet-nano", image_size=512)
    person = sources.read_image(sources.sample_photo())
    images = {people: speed.crowd(person, people, (384, 512)) for people in (1, 20)}
    found = {people: len(pose(image)) for people, image in images.items()}
    assert found[20] >= found[1] + 5
    # The least of some runs: now and then TensorFlow clears away what earlier tests have left.
    calls = {
        people: min(python_calls(lambda i=image: pose(i)) for _ in range(5))
        for people, image in images.items()
    }
    assert calls[1] == calls[20]


def test_a_video_by_stream_and_frame_by_frame(monkeypatch):
    plain, seen = crowd_of(3).model, []

    def moving(images, names):
        seen.append(images[:, :, :32].mean())  # the people move, so that every frame differs
        found = plain(images, names)
        return {**found, "keypoints": found["keypoints"] + seen[-1]}

    model = ExportedModel(moving, COCO_17, None, {}, "none")
    monkeypatch.setattr("multiposenet.systems.estimator.load", lambda name: Estimator(model, 64))
    assert components.measure("video", 1)["difference"] == 0
    assert len(seen) == 4 * 16 and len(set(seen[:16])) == 16


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_photos():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    pose = multiposenet.load("multiposenet-nano", image_size=96)
    rng = np.random.default_rng(0)
    photos = (rng.integers(0, 255, (rng.choice([48, 64, 96]), 96, 3), np.uint8) for _ in range(350))
    before = None
    for index, (_, people) in enumerate(pose.stream(photos)):
        assert people is not None
        if index == 100:
            before = resident()
    assert resident() - before < 20
