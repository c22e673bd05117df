"""The people in the frames of a camera, and how many frames there are a second."""

import numpy as np
import pytest
from rectangles import rectangle_finder

from multiposenet.errors import InputError
from multiposenet.live import watching
from multiposenet.sources import Frame


def test_the_rate():
    times = iter([0.0, 0.5, 1.0, 1.5, 3.0, 9.0])
    rate = watching.Rate(lambda: next(times))
    assert [rate.tick() for _ in range(6)] == pytest.approx([0, 2, 2, 2, 4 / 4, 0])


def frames(count, error=None):
    for number in range(count):
        image = np.zeros((128, 128, 3), np.uint8)
        image[24:104, 10 + number : 42 + number] = (255, 0, 0)
        yield Frame(image, f"0[{number}]", index=number, time=number / 25)
    if error:
        yield error


def test_people_are_drawn_with_the_rate():
    shown = []
    pose = rectangle_finder()
    times = iter(np.arange(9) / 10)
    rate = watching.Rate(lambda: next(times))
    wanted = watching.watch(
        pose, frames(9), lambda image: not shown.append(image) and len(shown) < 4, rate=rate
    )
    assert wanted == len(shown) == 4
    plain = [frame.image for frame in frames(4)]
    people = pose.stream(frames(4), track=True)
    for image, before, (_, poses) in zip(shown, plain, people, strict=True):
        assert image.shape == before.shape
        drawn = poses.draw(image=before)
        assert (image[20:] == drawn[20:]).all() and (image[:10] != drawn[:10]).any()


def test_a_camera_that_ends():
    error, shown = InputError("0: camera: gives no more frames; connect it again"), []
    with pytest.raises(InputError, match="gives no more frames"):
        watching.watch(rectangle_finder(), frames(3, error), lambda i: not shown.append(i))
    assert len(shown) == 3


def test_smoothed():
    shown = []
    assert watching.watch(rectangle_finder(), frames(3), lambda i: not shown.append(i), smooth=True)
    assert len(shown) == 3
