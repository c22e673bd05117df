"""Patches: image, keypoints, boxes and mask move together, and only what is known is labelled."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from painted import FLIP, blob_places, sample, sampler
from PIL import Image

from multiposenet.training.datasets.sample import IGNORE, PERSON
from multiposenet.training.patches.sampler import PatchSampler

POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]
BOX = (70, 40, 134, 112)


def draw(drawer, photo, seed=0):
    return drawer(photo, np.random.default_rng(seed))


def enclosing(region):
    """xyxy of the true pixels."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [BOX])


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("rotation_chance", [0.0, 1.0])
def test_keypoints_stay_on_their_pixels(photo, flip, rotation_chance):
    drawer = sampler(flip=flip, rotation_chance=rotation_chance, person_size=(60.0, 80.0))
    found = 0
    for seed in range(12):
        patch = draw(drawer, photo, seed)
        # Mirrored, the blob of the left keypoint is that of the right one.
        places = blob_places(patch.image)[FLIP if flip else slice(None)]
        seen = np.all((patch.keypoints[0, :, :2] > 8) & (patch.keypoints[0, :, :2] < 120), axis=1)
        np.testing.assert_allclose(patch.keypoints[0, seen, :2], places[seen], atol=0.35)
        found += seen.sum()
    assert found > 20


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_mirrored_left_keypoint_stays_on_its_side(photo, flip):
    """The person's left keypoint lies left in the photo; mirrored, what is left is called left."""
    patch = draw(sampler(flip=flip, rotation_chance=0.0, jitter=0.0), photo)
    left, right = patch.keypoints[0, 1:, 0]
    assert left < right


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_box_encloses_the_mask(photo, flip):
    drawer = sampler(flip=flip, rotation_chance=0.0, jitter=0.1)
    for seed in range(6):
        patch = draw(drawer, photo, seed)
        np.testing.assert_allclose(enclosing(patch.mask == PERSON), patch.boxes[0], atol=1.01)
        extents = patch.boxes[0, 2:] - patch.boxes[0, :2]
        assert patch.sizes[0] == pytest.approx(np.sqrt(extents.prod()), rel=1e-5)


def test_rotated_box_encloses_the_mask(photo):
    drawer = sampler(rotation_chance=1.0, rotation=40.0, jitter=0.0)
    for seed in range(6):
        patch = draw(drawer, photo, seed)
        np.testing.assert_allclose(enclosing(patch.mask == PERSON), patch.boxes[0], atol=1.5)
        extents = patch.boxes[0, 2:] - patch.boxes[0, :2]
        assert patch.sizes[0] < np.sqrt(extents.prod())
        # The size is that of the person, not of the box that a rotation enlarges.
        area = np.count_nonzero(patch.mask == PERSON)
        assert patch.sizes[0] ** 2 == pytest.approx(area, rel=0.05)


def test_scale_and_place(photo):
    """Without jitter the person is in the middle, at a size from the wanted range."""
    for seed in range(8):
        drawer = sampler(jitter=0.0, rotation_chance=0.0, cover=0.0, person_size=(40.0, 60.0))
        patch = draw(drawer, photo, seed)
        np.testing.assert_allclose(patch.boxes[0].reshape(2, 2).mean(axis=0), 64, atol=1e-3)
        assert 40 <= patch.sizes[0] <= 60


def test_limits_of_the_scale(photo):
    size = np.sqrt((BOX[2] - BOX[0]) * (BOX[3] - BOX[1]))
    small = draw(sampler(person_size=(1.0, 1.0), cover=0.75), photo)
    assert small.sizes[0] / size == pytest.approx(0.75 * 128 / 200, rel=1e-5)
    large = draw(sampler(person_size=(900.0, 900.0), zoom=1.5), photo)
    assert large.sizes[0] / size == pytest.approx(1.5, rel=1e-5)


@pytest.mark.parametrize("factor", [0.49, 0.3, 0.22])
def test_large_photos_are_averaged(tmp_path, factor):
    """A photo much larger than its patch: fine patterns become grey, keypoints stay in place."""
    points = [(401.5, 203.0), (330.0, 341.0), (483.0, 360.0)]
    photo = sample(tmp_path, points, [(280, 160, 536, 448)], image_size=(637, 803), sigma=24)
    drawer = sampler(scale=(factor, factor), longest=0, jitter=0.0, rotation_chance=1.0, flip=0.0)
    patch = draw(drawer, photo)
    np.testing.assert_allclose(patch.keypoints[0, :, :2], blob_places(patch.image), atol=0.15)
    pattern = (np.indices((637, 803)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(np.repeat(pattern[..., None], 3, axis=-1)).save(tmp_path / "photo.png")
    photo = dataclasses.replace(photo)  # another one for the cache
    patch = draw(drawer, photo)
    middle = patch.image[32:96, 32:96].astype(float)
    assert np.abs(middle - 127.5).max() < 32


def test_keypoints_outside_the_patch_are_hidden(photo):
    drawer = sampler(32, zoom=3.0, person_size=(150.0, 200.0))
    hidden = 0
    for seed in range(10):
        patch = draw(drawer, photo, seed)
        x, y, v = np.moveaxis(patch.keypoints[0], -1, 0)
        inside = (x >= 0) & (x < 32) & (y >= 0) & (y < 32)
        np.testing.assert_array_equal(v, np.where(inside, 2, 0))
        hidden += (~inside).sum()
    assert hidden > 5


def test_what_lies_outside_the_photo(photo):
    """Grey pixels, no person, no keypoint."""
    patch = draw(sampler(256, person_size=(20.0, 20.0), cover=0.3, jitter=0.0), photo)
    assert tuple(patch.image[0, 0]) == (114, 114, 114)
    assert patch.mask[0, 0] == 0


def test_one_seed_one_patch(photo):
    drawer = PatchSampler(96, FLIP)
    first, again, other = (draw(drawer, photo, seed) for seed in (3, 3, 4))
    for name in ("image", "boxes", "sizes", "keypoints", "mask", "labelled_area"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.keypoints - other.keypoints).max() > 1
    assert (first.image != other.image).any()


def test_colours_change_and_labels_do_not(photo):
    plain, coloured = sampler(96), PatchSampler(96, FLIP, person_size=(30.0, 80.0))
    differences = 0
    for seed in range(5):
        a, b = draw(plain, photo, seed), draw(coloured, photo, seed)
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
        np.testing.assert_array_equal(a.mask, b.mask)
        differences += (a.image != b.image).any()
    assert differences >= 3


def test_groups_of_persons(tmp_path):
    """Labelled persons, persons without keypoints, and crowds are told apart."""
    others = [(10, 10, 40, 60), (150, 100, 180, 150)]
    photo = sample(tmp_path, POINTS, [BOX, *others], crowd=[(0, 120, 60, 160)])
    drawer = sampler(256, rotation_chance=0.0, flip=0.0, jitter=0.0, person_size=(9.0, 9.0))
    patch = draw(drawer, photo)
    scale = patch.sizes[0] / np.sqrt((BOX[2] - BOX[0]) * (BOX[3] - BOX[1]))
    shift = patch.boxes[0, :2] - scale * np.array(BOX[:2])
    expected = np.array([*others, (0, 120, 60, 160)]) * scale + np.tile(shift, 2)
    np.testing.assert_allclose(patch.unlabelled_boxes, expected, atol=1e-3)
    np.testing.assert_array_equal(patch.crowd, [False, False, True])
    assert len(patch.boxes) == len(patch.keypoints) == len(patch.sizes) == 1
    assert patch.complete and patch.labelled_area.min() == 1
    assert set(np.unique(patch.mask)) == {0, PERSON, IGNORE}


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_keypoints_that_the_data_set_lacks(tmp_path, flip):
    points = [POINTS[0], (np.nan, np.nan), POINTS[2]]
    photo = sample(tmp_path, points, [BOX], labelled=[(True, False, True)])
    patch = draw(sampler(flip=flip), photo)
    np.testing.assert_array_equal(patch.labelled_keypoints, [1, 1, 0] if flip else [1, 0, 1])


def test_single_person_with_unknown_bystanders(tmp_path):
    photo = sample(tmp_path, POINTS, [BOX], complete=False, single=True, mask=False)
    patch = draw(sampler(rotation_chance=0.0, jitter=0.0), photo)
    assert not patch.complete and patch.mask is None
    np.testing.assert_allclose(enclosing(patch.labelled_area), patch.boxes[0] / 4, atol=0.51)


def test_person_without_keypoints_alone(tmp_path):
    """A mask only: the box is unlabelled, and nothing is known around it."""
    photo = sample(tmp_path, POINTS, [BOX], labelled=[(False,) * 3], complete=False, single=True)
    patch = draw(sampler(rotation_chance=0.0), photo)
    assert len(patch.boxes) == 0 and len(patch.unlabelled_boxes) == 1 and not patch.crowd.any()
    np.testing.assert_array_equal(patch.labelled_keypoints, 1)


def test_nobody(tmp_path):
    photo = sample(tmp_path, POINTS, [])
    patch = draw(sampler(), photo)
    assert patch.boxes.shape == (0, 4) and patch.keypoints.shape == (0, 3, 3)
    assert patch.unlabelled_boxes.shape == (0, 4) and patch.crowd.shape == (0,)
    assert patch.mask.max() == 0 and patch.complete


def test_mosaic_is_four_patches(tmp_path):
    points = [np.array(POINTS) + shift for shift in ((0, 0), (4, 0), (0, 6), (-6, 3))]
    photos = [
        sample(tmp_path / str(index), keypoints, [BOX], complete=False, single=True)
        for index, keypoints in enumerate(points)
    ]
    patch = sampler(128, jitter=0.0, flip=0.0).mosaic(photos, np.random.default_rng(0))
    assert patch.image.shape == (128, 128, 3) and patch.mask.shape == (128, 128)
    assert patch.labelled_area.shape == (32, 32) and not patch.complete
    for index, (x, y) in enumerate([(0, 0), (64, 0), (0, 64), (64, 64)]):
        tile = slice(y, y + 64), slice(x, x + 64)
        seen = patch.keypoints[index, :, 2] > 0
        assert seen.sum() >= 2
        places = blob_places(patch.image[tile]) + (x, y)
        margin = np.abs(patch.keypoints[index, :, :2] - (x + 32, y + 32)).max(axis=1) < 26
        np.testing.assert_allclose(
            patch.keypoints[index, seen & margin, :2], places[seen & margin], atol=0.6
        )
        box = patch.boxes[index]
        assert x <= box[0] < box[2] <= x + 64 and y <= box[1] < box[3] <= y + 64
        mask = enclosing(patch.mask[tile] == PERSON) + np.array([x, y, x, y])
        np.testing.assert_allclose(mask, box, atol=1.6)
        area = patch.labelled_area[y // 4 : (y + 64) // 4, x // 4 : (x + 64) // 4]
        np.testing.assert_allclose(enclosing(area) * 4 + np.array([x, y, x, y]), box, atol=2.01)


def test_mosaic_without_all_masks(tmp_path):
    photos = [sample(tmp_path / str(i), POINTS, [BOX], mask=i > 0) for i in range(4)]
    patch = sampler().mosaic(photos, np.random.default_rng(0))
    assert patch.mask is None and patch.complete


def test_patches_of_several_threads_are_those_of_one(photo):
    """Stages prepare batches in threads; each batch has a sampler of its own."""
    seeds = range(8)

    def one(seed):
        return draw(PatchSampler(64, FLIP), photo, seed).image

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, seeds))
    for seed, image in zip(seeds, together, strict=True):
        np.testing.assert_array_equal(image, one(seed))
