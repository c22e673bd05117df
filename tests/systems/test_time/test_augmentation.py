"""Views of an image and the way back, on a system that finds rectangles."""

import dataclasses

import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton
from multiposenet.sources import frames
from multiposenet.systems.system import System
from multiposenet.systems.test_time import merging
from multiposenet.systems.test_time.augmentation import Augmentation, Augmented, mirrored
from multiposenet.systems.test_time.ensemble import Ensemble
from multiposenet.systems.test_time.refinement import Refined

PAIR = Skeleton("pair", ("nose", "left_hand", "right_hand"), ((0, 1),), (0.1, 0.1, 0.1))
ALONE = Skeleton("alone", ("a", "b", "c"), ((0, 1),), (0.1, 0.1, 0.1))


class Finder(System):
    """Finds the coloured pixels of one person: red the nose, green and blue the hands.

    It looks from the front: the hand to the right is the left one, whatever its colour.
    """

    def __init__(self, skeleton=PAIR, score=0.2, confidence=0.8, shift=0.0):
        self._skeleton, self.score = skeleton, score
        self.confidence, self.shift, self.factor = confidence, shift, 1.0

    skeleton = property(lambda self: self._skeleton)

    def at_scale(self, factor):
        other = Finder(self._skeleton, self.score, self.confidence, self.shift)
        other.factor = factor
        return other

    def _seeing(self, size):
        return self

    def _stream(self, items):
        for frame in items:
            if isinstance(frame, InputError):
                yield frame
                continue
            size = frame.image.shape[:2]
            places = [np.argwhere(frame.image[..., c] > 200) for c in range(3)]
            found = Poses.empty(self._skeleton, size, mask=np.full(size, 0.5, np.float32))
            if all(len(place) for place in places):
                nose, *hands = (place.mean(axis=0)[::-1] + 0.5 for place in places)
                hands.sort(key=lambda hand: -hand[0])
                keypoints = np.float32([[nose, *hands]]) + np.float32([self.shift, 0])
                box = [*keypoints[0].min(axis=0) - 5, *keypoints[0].max(axis=0) + 5]
                found = dataclasses.replace(
                    found,
                    boxes=np.float32([box]),
                    box_scores=np.float32([0.9]),
                    keypoints=keypoints,
                    keypoint_scores=np.float32([[0.9, 0.8, 0.7]]),
                    scores=np.float32([self.confidence]),
                )
            yield frame, found


def photo(size=(100, 140), at=((50, 30), (80, 60), (30, 64))):
    image = np.zeros((*size, 3), np.uint8)
    for colour, (x, y) in enumerate(at):
        image[y, x, colour] = 255
    return image


@pytest.mark.parametrize("ways", ["flip", "crops", "scales=0.5,1,2", "scales=1,flip,crops=90"])
def test_a_symmetric_system_finds_the_same(ways):
    alone = Finder()(photo())
    found = Augmented(Finder(), Augmentation.parse(ways))(photo())
    assert len(found) == 1 and found.image_size == (100, 140)
    np.testing.assert_allclose(found.keypoints, alone.keypoints, atol=1e-4)
    np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
    assert found.mask.shape == (100, 140)


def test_flipping_the_photo_mirrors_the_result():
    pose = Augmented(Finder(), Augmentation(flip=True))
    there = pose(photo())
    back = mirrored(pose(np.ascontiguousarray(photo()[:, ::-1])), 140)
    np.testing.assert_allclose(there.keypoints, back.keypoints, atol=0.01)
    # Left is right in the mirror, and half a pixel is not lost: pixel 0 is pixel 139.
    np.testing.assert_allclose(back.keypoints[0], [(50.5, 30.5), (80.5, 60.5), (30.5, 64.5)])


def test_a_person_of_which_only_a_tile_shows_all():
    """What is found in a part alone counts as it is; what is found in one of two views half."""
    finder = Finder()
    real = finder._stream

    def near_only(items):
        for frame, poses in real(items):
            yield frame, poses if frame.image.shape[1] < 140 else poses[:0]

    finder._stream = near_only
    found = Augmented(finder, Augmentation(crops=80))(photo(at=((40, 30), (60, 60), (25, 64))))
    assert len(found) == 1 and found.scores[0] == pytest.approx(0.8)
    np.testing.assert_allclose(found.keypoints[0, 0], (40.5, 30.5), atol=1e-4)


def test_tiles_cover_the_image_and_overlap():
    (frame,) = frames(photo((300, 500)))
    tiles = Augmented(Finder(), Augmentation(crops=128))._tiles(frame)
    seen = np.zeros((300, 500), int)
    for left, top, right, bottom in tiles:
        assert right - left == bottom - top == 128
        seen[top:bottom, left:right] += 1
    assert seen.min() >= 1
    columns = sorted({tile[0] for tile in tiles})
    assert (np.diff(columns) <= 96).all()


@pytest.mark.parametrize(
    "text, message",
    [
        ("scales=0", "scales: 0; give factors from 0.1 to 10"),
        ("scales=nan", "scales: nan; give"),
        ("scales=a", "scales: 'a' is no number"),
        ("crops=8", "crops: 8; give 32 pixels or more"),
        ("turn", "'turn'; give scales=FACTOR"),
        ("", "''; give scales"),
    ],
)
def test_texts_that_are_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        Augmentation.parse(text)


def test_texts():
    given = Augmentation.parse("scales=0.75,1,1.25,flip,crops=200")
    assert given == Augmentation((0.75, 1.0, 1.25), True, 200)
    assert str(given) == "scales=0.75,1,1.25,flip,crops=200"
    assert Augmentation.parse(str(given)) == given
    assert Augmentation.parse("flip,crops") == Augmentation(flip=True, crops=True)


def test_what_cannot_be_augmented():
    with pytest.raises(ValueError, match="flip: alone has no left and right keypoints; leave"):
        Augmented(Finder(ALONE), Augmentation(flip=True))
    too_large = Augmented(Finder(), Augmentation(crops=120))
    with pytest.raises(InputError, match="crops: 120 pixels are more than the photo's 140x100; "):
        too_large(photo())
    items = list(too_large.stream([photo(), photo((200, 200))]))
    assert isinstance(items[0], InputError) and len(items[1][1]) == 1


def test_an_ensemble_averages_and_halves_what_one_alone_finds():
    first, second = Finder(shift=-1.0, confidence=0.6), Finder(shift=1.0, confidence=0.8)
    found = Ensemble([first, second])(photo())
    assert len(found) == 1 and found.scores[0] == pytest.approx(0.7)
    np.testing.assert_allclose(found.keypoints[0], Finder()(photo()).keypoints[0], atol=1e-4)
    nobody = Finder()
    nobody._stream = lambda items: ((frame, Finder()(photo())[:0]) for frame in items)
    (alone,) = Ensemble([first, nobody])(photo())
    assert alone.score == pytest.approx(0.3)
    assert len(Ensemble([first, nobody], score=0.4)(photo())) == 0
    with pytest.raises(ValueError, match="b: finds the keypoints of alone, a those of pair; use"):
        Ensemble([first, Finder(ALONE)], ["a", "b"])


def test_keypoints_that_lie_apart_are_not_averaged():
    keypoints = np.array([[[10.0, 10], [50, 50]], [[12, 10], [90, 50]]])
    scores = np.array([[0.6, 0.3], [0.2, 0.4]])
    mean, merged = merging.mean_pose(keypoints, scores, 100)
    np.testing.assert_allclose(mean, [[10.5, 10], [90, 50]])
    np.testing.assert_allclose(merged, [0.4, 0.2])


def test_refinement_moves_keypoints_to_where_both_agree():
    class Persons:
        skeleton = PAIR

        def __call__(self, images, boxes):
            moved = Finder()(images[0]).keypoints + np.float32([2, 0])
            return [(moved, np.float32([[0.9, 0.8, 0.7]]))]

    pose = Refined(Finder(), Persons())
    before, after = Finder()(photo()), pose(photo())
    np.testing.assert_allclose(after.keypoints - before.keypoints, [[[1, 0]] * 3], atol=1e-4)
    np.testing.assert_allclose(after.scores, before.scores)
    assert len(pose(np.zeros((50, 60, 3), np.uint8))) == 0
    with pytest.raises(ValueError, match="refine: finds the keypoints of pair, the system those"):
        Refined(Finder(ALONE), Persons())
