"""What is kept is enough to draw as the result itself would be drawn."""

import numpy as np
import pytest

from multiposenet import drawing
from multiposenet.sources import read_frame
from multiposenet.web.looks import Look


@pytest.fixture
def frame(uploads):
    return read_frame(uploads[0].path)


def test_the_drawing_is_that_of_the_result(finder, frame):
    poses, maps = finder.poses_and_heatmaps(frame)
    look = Look.of("a.png", frame, poses, maps)
    assert look.poses.mask is None and look.poses.source is None
    np.testing.assert_array_equal(look.mask, poses.mask >= 0.5)
    for layers in (["skeleton"], ["mask", "boxes"], ["mask", "boxes", "skeleton", "scores"], []):
        expected = poses.draw(image=frame.image, layers=layers)
        np.testing.assert_array_equal(look.draw(frame.image, look.poses, layers), expected)


def test_heatmaps_lie_below(finder, frame):
    poses, maps = finder.poses_and_heatmaps(frame)
    look = Look.of("a.png", frame, poses, maps)
    drawn = look.draw(frame.image, look.poses, ["heatmaps"])
    below = drawing.heatmap(frame.image, maps.astype(np.float16))
    np.testing.assert_array_equal(drawn, below)
    bare = Look.of("a.png", frame, poses).draw(frame.image, look.poses, ["heatmaps"])
    np.testing.assert_array_equal(bare, frame.image)


def test_it_is_small(finder, frame):
    poses, maps = finder.poses_and_heatmaps(frame)
    look = Look.of("a.png", frame, poses, maps)
    assert len(look.outline) < 200 and look.heatmaps.nbytes == maps.nbytes // 2


def test_people_are_numbered_as_in_the_table(finder, frame):
    look = Look.of("a.png", frame, finder(frame))
    plain = look.draw(frame.image, look.poses, ["boxes"])
    assert (look.draw(frame.image, look.poses, ["boxes", "ids"]) != plain).any()
