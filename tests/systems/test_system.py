"""What all systems share: options of one call, images that cannot be used, what they say of
themselves."""

import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from multiposenet.errors import InputError, MultiPoseNetWarning
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17
from multiposenet.systems.system import System
from multiposenet.systems.test_time.ensemble import Ensemble
from multiposenet.video.tracking import Tracker


class Counter(System):
    """Finds as many people as its size has hundreds, with scores 0.1, 0.2, ..."""

    def __init__(self, size=300, score=0.15):
        self.size, self.score = size, score

    skeleton = COCO_17

    def _seeing(self, size):
        return Counter(size, self.score)

    def _stream(self, items):
        for frame in items:
            if isinstance(frame, InputError):
                yield frame
                continue
            count = self.size // 100
            scores = np.arange(1, count + 1) / 10
            found = Poses(
                np.zeros((count, 4)),
                scores,
                np.zeros((count, 17, 2)),
                np.zeros((count, 17)),
                scores,
                COCO_17,
                frame.image.shape[:2],
                **frame.origin,
            )
            yield frame, found.above(self.score)


@pytest.fixture
def image():
    return np.zeros((20, 30, 3), np.uint8)


@pytest.fixture
def folder(tmp_path, image):
    for name in ("a", "c"):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_text("no image")
    return tmp_path


def test_size_and_score_of_one_call(image):
    pose = Counter()
    assert len(pose(image)) == 2 and len(pose(image, size=500)) == 4
    assert len(pose(image, size=500, score=0.3)) == 3 and len(pose(image, score=0)) == 3
    assert len(pose(image)) == 2  # the system itself stays as it was
    ((_, poses),) = pose.stream([image], size=500, score=0.5)
    assert len(poses) == 1
    for score in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match="score: .*; give a number from 0 to 1"):
            pose(image, score=score)
    with pytest.raises(TypeError, match="recursively"):
        list(pose.stream(image, recursively=True))


def test_size_reaches_the_systems_of_which_one_is_made(image):
    merged = Ensemble([Counter(), Counter()], score=0.0)
    assert [system.size for system in merged._seeing(700).systems] == [700, 700]


def test_a_folder_is_gone_through_to_its_end(folder):
    with pytest.warns(MultiPoseNetWarning, match="b.png: file: not an image") as told:
        found = Counter()(folder)
    assert len(told) == 1
    assert [poses.source for poses in found] == [str(folder / "a.png"), str(folder / "c.png")]
    with pytest.raises(InputError, match="b.png"):
        Counter()(folder, on_error="raise")
    with pytest.warns(MultiPoseNetWarning):
        assert len(Counter()(f"{folder}/*.png")) == 2


def test_what_is_named_is_an_error(folder):
    named = [folder / f"{name}.png" for name in "abc"]
    with pytest.raises(InputError, match="b.png"):
        Counter()(named)
    with pytest.raises(InputError, match="b.png"):
        Counter()(named[1], on_error="skip")  # there would be no answer at all
    with pytest.warns(MultiPoseNetWarning):
        assert len(Counter()(named, on_error="skip")) == 2
    with pytest.warns(MultiPoseNetWarning), pytest.raises(InputError, match="b.png"):
        Counter()(named[1:2], on_error="skip")
    with pytest.raises(ValueError, match="on_error: 'ignore'; give"):
        Counter()(named, on_error="ignore")


def test_folders_below_and_pages(folder, image):
    (folder / "b.png").unlink()
    (folder / "below").mkdir()
    pages = [Image.fromarray(np.full_like(image, 50 * page)) for page in range(3)]
    pages[0].save(folder / "below" / "d.gif", save_all=True, append_images=pages[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Counter()(folder)) == 2
        assert len(Counter()(folder, recursive=True)) == 3
        assert len(Counter()(folder, recursive=True, all_pages=True)) == 5
        found = Counter()(folder / "below" / "d.gif", all_pages=True)
    assert isinstance(found, list) and found[2].source.endswith("d.gif[2]")
    assert found[2].draw().shape == image.shape


def test_what_systems_say_of_themselves():
    assert repr(Counter()) == "<Counter: coco_17>"
    assert repr(Ensemble([Counter(), Counter()])) == (
        "<Ensemble: <Counter: coco_17>, <Counter: coco_17>>"
    )
    assert pickle.loads(pickle.dumps(Counter(500))).size == 500


def test_people_are_tracked_and_smoothed(image):
    found = [poses for _, poses in Counter().stream([image] * 3, track=True)]
    assert [len(set(poses.ids.tolist())) for poses in found] == [2] * 3
    own = Tracker(sure=0.25)
    ((_, poses),) = Counter().stream([image], track=own, smooth=True)
    assert len(poses) == 1 and len(own.tracks) == 1
    with pytest.raises(ValueError, match="smooth: is of people who are tracked"):
        list(Counter().stream([image], smooth=True))
