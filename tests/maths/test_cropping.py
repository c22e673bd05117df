"""Crops of all persons of an image: the same as one by one, exact places, nothing aliased."""

import numpy as np
import pytest

from multiposenet.maths import cropping
from multiposenet.maths.geometry import PADDING, crop_map

SIZE = (64, 48)
# Wide, high, larger than the image, beyond its border, tiny.
BOXES = np.array(
    [(20, 30, 60, 90), (30, 20, 150, 60), (-20, -30, 260, 240), (180, 150, 219, 199), (9, 9, 9, 9)]
)


def ramps():
    """Red grows along x, green along y, by 1 a pixel; a pixel's value is its index."""
    image = np.zeros((200, 220, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(220), np.arange(200)[:, None]
    return image


def centres(size_hw):
    """(1, h * w, 2) xy of the pixels' centres."""
    rows, columns = np.indices(size_hw) + 0.5
    return np.stack([columns.ravel(), rows.ravel()], axis=-1)[None]


@pytest.mark.parametrize("size, margin", [((64, 48), 0.2), ((48, 64), 0.0), ((50, 50), 0.25)])
def test_regions_are_what_crop_maps_show(size, margin):
    regions = cropping.regions(BOXES, size, margin)
    corners = np.array([(0, 0), (size[1], size[0])])
    for box, region in zip(BOXES, regions, strict=True):
        expected = crop_map(box, size, margin).inverse()(corners).ravel()
        np.testing.assert_allclose(region, expected, atol=1e-9)


def test_places_come_back_to_the_image():
    regions = cropping.regions(BOXES, SIZE, 0.2)
    points = np.random.default_rng(0).uniform(-5, 70, (len(BOXES), 3, 2))
    found = cropping.to_image(points, regions, SIZE)
    assert found.dtype == np.float32
    for box, given, place in zip(BOXES, points, found, strict=True):
        np.testing.assert_allclose(crop_map(box, SIZE, 0.2)(place), given, atol=1e-3)


def test_pixels_show_the_places_they_stand_for():
    regions = cropping.regions(BOXES, SIZE, 0.2)
    crops = cropping.crops(ramps(), regions, SIZE)
    assert crops.shape == (len(BOXES), *SIZE, 3) and crops.dtype == np.uint8
    shrinking = (regions[:, 2] - regions[:, 0]) / SIZE[1]
    assert shrinking.min() < 1 and shrinking.max() > 4  # averaged ones, too
    for region, crop, factor in zip(regions, crops, shrinking, strict=True):
        places = cropping.to_image(centres(SIZE), region[None], SIZE).reshape(*SIZE, 2)
        inside = (places > factor).all(-1) & (places < np.array([220, 200]) - factor).all(-1)
        assert inside.sum() > 100
        error = crop[..., :2].astype(float) - (places - 0.5)
        # Values are rounded, averaged ones twice; and places up to OpenCV's grid of 1/32.
        assert np.abs(error[inside]).max() < (0.6 if factor < 2 else 1.1)


def test_crops_are_those_of_one_warp_after_the_other():
    image = np.random.default_rng(0).integers(0, 256, (200, 220, 3), np.uint8)
    boxes = BOXES[[0, 3, 4]]  # nothing to average
    crops = cropping.crops(image, cropping.regions(boxes, SIZE), SIZE)
    for box, crop in zip(boxes, crops, strict=True):
        alone = crop_map(box, SIZE).warp(image, SIZE, border=PADDING)
        # The two round places to 1/32 of a pixel on different ways.
        assert np.abs(crop.astype(int) - alone).max() <= 255 / 16
        assert np.abs(crop.astype(int) - alone).mean() < 1


def test_grey_lies_outside_the_image():
    image = np.full((40, 40, 3), 7, np.uint8)
    (crop,) = cropping.crops(image, [(-40, -80, 80, 80)], SIZE)
    assert (crop[:, :15] == PADDING).all() and (crop[:31] == PADDING).all()
    assert (crop[33:47, 17:31] == 7).all()


def test_what_shrinks_is_averaged():
    stripes = np.zeros((384, 288, 3), np.uint8)
    stripes[:, ::2] = 255
    (crop,) = cropping.crops(stripes, [(0, 0, 288, 384)], SIZE)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() <= 1


def test_more_crops_than_opencv_draws_in_one_piece(monkeypatch):
    image, regions = ramps(), cropping.regions(BOXES, SIZE, 0.2)
    whole = cropping.crops(image, regions, SIZE)
    monkeypatch.setattr(cropping, "_MAX_ROWS", SIZE[0])
    np.testing.assert_array_equal(cropping.crops(image, regions, SIZE), whole)
    monkeypatch.undo()
    many = cropping.crops(image, np.repeat(regions[:1], 600, axis=0), SIZE)
    assert len(many) == 600 and (many == whole[0]).all()


def test_nobody():
    assert cropping.regions(np.zeros((0, 4)), SIZE).shape == (0, 4)
    assert cropping.crops(ramps(), np.zeros((0, 4)), SIZE).shape == (0, *SIZE, 3)
    assert cropping.to_image(np.zeros((0, 5, 2)), np.zeros((0, 4)), SIZE).shape == (0, 5, 2)
