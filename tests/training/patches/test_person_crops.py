"""Crops of single persons: image, keypoints and box move together, as the proposal says."""

import dataclasses

import numpy as np
import pytest
from painted import FLIP, PLAIN, blob_places, sample

from multiposenet.training.patches.person_crops import CropSampler, people
from multiposenet.training.proposals.box_noise import BoxNoise

POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]
BOX = (70, 40, 134, 112)
SIZE = (96, 64)
TURNED = {"scale": (0.7, 1.3), "rotation": 40.0, "rotation_chance": 1.0}


class Given:
    """A generator that gives one box, and notes what it is asked."""

    def __init__(self, box):
        self.box, self.asked = np.array(box, np.float32), []

    def sample(self, keypoints, boxes, rng, count=1, image_size=None):
        self.asked.append((keypoints, boxes, image_size))
        return np.tile(self.box, (len(boxes), count, 1))


def sampler(**options):
    return CropSampler(SIZE, FLIP, color=PLAIN, **options)


def draw(drawer, person, seed=0):
    return drawer(person, np.random.default_rng(seed))


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [BOX])


@pytest.fixture
def person(photo):
    return people([photo])[0]


def into_crop(points, box):
    """Places in the crop of a box, straight from the words: 20 % larger, then of the aspect."""
    places = []
    for x, y in points:
        x1, y1, x2, y2 = box
        wide, high = 1.2 * (x2 - x1), 1.2 * (y2 - y1)
        if wide / high < SIZE[1] / SIZE[0]:
            wide = high * SIZE[1] / SIZE[0]
        else:
            high = wide * SIZE[0] / SIZE[1]
        left, top = (x1 + x2 - wide) / 2, (y1 + y2 - high) / 2
        places.append(((x - left) / wide * SIZE[1], (y - top) / high * SIZE[0]))
    return places


@pytest.mark.parametrize("box", [BOX, (60, 45, 140, 100), (80, 20, 125, 130)])
def test_a_proposal_maps_keypoints_exactly(person, box):
    given = Given(box)
    crop = draw(sampler(proposals=given), person)
    np.testing.assert_allclose(crop.keypoints[:, :2], into_crop(POINTS, box), atol=1e-3)
    corners = into_crop(np.reshape(BOX, (2, 2)), box)
    np.testing.assert_allclose(crop.box, np.ravel(corners), atol=1e-3)
    ((keypoints, boxes, size),) = given.asked
    assert keypoints.shape == (1, 3, 3) and boxes.tolist() == [list(BOX)] and size == (160, 200)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_keypoints_stay_on_their_pixels(person, flip):
    found = 0
    for seed in range(10):
        crop = draw(sampler(flip=flip, proposals=BoxNoise("abc", 0.1), **TURNED), person, seed)
        assert crop.image.shape == (*SIZE, 3)
        # Mirrored, the blob of the left keypoint is that of the right one.
        places = blob_places(crop.image)[FLIP if flip else slice(None)]
        inside = np.all((crop.keypoints[:, :2] > 8) & (crop.keypoints[:, :2] < (56, 88)), axis=1)
        np.testing.assert_allclose(crop.keypoints[inside, :2], places[inside], atol=0.4)
        found += inside.sum()
    assert found > 15


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_mirrored_left_keypoint_stays_on_its_side(person, flip):
    left, right = draw(sampler(flip=flip), person).keypoints[1:, 0]
    assert left < right


def test_a_rotated_box_keeps_its_size_and_its_centre(person):
    """Without noise the box's centre is the crop's, whatever the rotation and the scale."""
    straight = draw(sampler(), person).box
    for seed in range(5):
        box = draw(sampler(flip=0.5, **TURNED), person, seed).box
        np.testing.assert_allclose(box[:2] + box[2:], (64, 96), atol=1e-3)
        ratio = (box[2:] - box[:2]) / (straight[2:] - straight[:2])
        assert ratio[0] == pytest.approx(ratio[1], rel=1e-4) and 0.7 <= ratio[0] <= 1.3


def test_what_lies_outside_the_crop_is_not_visible_but_labelled(person):
    crop = draw(sampler(proposals=Given((90, 40, 134, 112))), person)
    assert crop.keypoints[:, 2].tolist() == [2, 0, 2] and crop.labelled.all()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_unlabelled_keypoints_take_no_part(tmp_path, flip):
    """The left keypoint is unlabelled; in a mirrored crop it is the right one."""
    points = [POINTS[0], (np.nan, np.nan), POINTS[2]]
    photo = sample(tmp_path, points, [BOX], labelled=[[True, False, True]])
    crop = draw(sampler(flip=flip), people([photo])[0])
    unknown = 2 if flip else 1
    assert np.flatnonzero(~crop.labelled).tolist() == [unknown]
    assert np.flatnonzero(crop.keypoints[:, 2] == 0).tolist() == [unknown]


def test_who_is_taught(tmp_path):
    """Persons with a labelled keypoint, each alone, if they are large enough and have a box."""
    second = (10, 10, 30, 50)
    photo = sample(tmp_path, POINTS, [BOX, second], crowd=[(0, 0, 9, 9)])
    (found,) = people([photo])
    assert found.photo is photo and found.labels.boxes.tolist() == [list(BOX)]
    assert found.size == pytest.approx(np.sqrt(64 * 72)) and not found.labels.has_mask
    assert people([photo], least_size=69) == []
    both = dataclasses.replace(
        photo, keypoints=photo.keypoints[[0, 0]], labelled=photo.labelled[[0, 0]]
    )
    assert [p.labels.boxes.tolist() for p in people([both])] == [[list(BOX)], [list(second)]]
    flat = dataclasses.replace(photo, boxes=np.float32([(70, 40, 70, 112), second]))
    assert people([flat]) == []


def test_other_people_are_background(tmp_path):
    """The second person's crop shows the first one's blobs, and has the second one's keypoints."""
    photo = sample(tmp_path, POINTS, [BOX, BOX])
    keypoints = photo.keypoints.copy()
    keypoints[1, 0] = (90, 100, 1)
    labelled = np.ones((2, 3), bool)
    first, second = people([dataclasses.replace(photo, keypoints=keypoints, labelled=labelled)])
    drawer = sampler()
    np.testing.assert_array_equal(draw(drawer, first).image, draw(drawer, second).image)
    crop = draw(drawer, second)
    assert crop.keypoints[:, 2].tolist() == [1, 0, 0] and crop.labelled.all()
    np.testing.assert_allclose(crop.keypoints[0, :2], into_crop([(90, 100)], BOX)[0], atol=1e-3)


def test_noise_of_boxes():
    """Each side has the deviation; no box overlaps less than it shall."""
    rng = np.random.default_rng(0)
    box = np.array([[10.0, 20.0, 60.0, 120.0]])
    drawn = BoxNoise("abc", 0.05).sample(np.zeros((1, 3, 3)), box, rng, 4000)[0]
    shares = (drawn - box) / (50, 100, 50, 100)
    np.testing.assert_allclose(shares.mean(axis=0), 0, atol=0.004)
    np.testing.assert_allclose(shares.std(axis=0), 0.05, rtol=0.05)
    far = BoxNoise("abc", 0.5, iou=0.6).sample(np.zeros((1, 3, 3)), box, rng, 300)[0]
    for x1, y1, x2, y2 in far:
        common = max(min(x2, 60) - max(x1, 10), 0) * max(min(y2, 120) - max(y1, 20), 0)
        assert common / (5000 + (x2 - x1) * (y2 - y1) - common) > 0.599
