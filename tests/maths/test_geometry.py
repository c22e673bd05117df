"""Affine maps and letterboxing: exact inverses, and pixel centres where the convention has them."""

import cv2
import numpy as np
import pytest

from multiposenet.maths.geometry import (
    PADDING,
    Affine,
    crop_map,
    letterbox,
    letterbox_size,
    stretch,
)

SIZES = [(480, 640), (640, 480), (333, 500), (37, 53), (8, 1000), (480, 480), (1, 1)]


def rotation(degrees, scale=1.0, shift=(0.0, 0.0)):
    angle = np.deg2rad(degrees)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return Affine([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def brute_force_warp(image, affine, size_hw, border=0.0):
    """Bilinear sampling from the definition: target centres mapped back, one pixel at a time."""
    height, width = image.shape
    back = np.linalg.inv(np.vstack([affine.matrix, [0, 0, 1]]))
    result = np.zeros(size_hw)
    for row in range(size_hw[0]):
        for column in range(size_hw[1]):
            x, y, _ = back @ (column + 0.5, row + 0.5, 1)
            left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
            for i, wy in ((top, 1 - (y - 0.5 - top)), (top + 1, y - 0.5 - top)):
                for j, wx in ((left, 1 - (x - 0.5 - left)), (left + 1, x - 0.5 - left)):
                    inside = 0 <= i < height and 0 <= j < width
                    result[row, column] += wx * wy * (image[i, j] if inside else border)
    return result


def centre_of_mass(image):
    """Continuous (x, y) of an image's mass: pixel i weighs at i + 0.5."""
    rows, columns = np.indices(image.shape) + 0.5
    return np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()


def test_composition_and_inverse():
    rng = np.random.default_rng(0)
    points = rng.uniform(-500, 500, (7, 3, 2))
    first, second = Affine(rng.normal(size=(2, 3))), Affine(rng.normal(size=(2, 3)))
    np.testing.assert_allclose((second @ first)(points), second(first(points)))
    np.testing.assert_allclose(first.inverse()(first(points)), points)
    np.testing.assert_allclose(
        (first @ first.inverse()).matrix, Affine.identity().matrix, atol=1e-9
    )
    homogeneous = np.concatenate([points, np.ones((7, 3, 1))], -1)
    np.testing.assert_allclose(first(points), homogeneous @ first.matrix.T)


def test_points_keep_their_shape_and_float32():
    assert Affine.identity()(np.zeros((0, 17, 2), np.float32)).shape == (0, 17, 2)
    assert Affine.identity()(np.zeros((2,), np.float32)).dtype == np.float32
    assert Affine.identity()([1, 2]).dtype == np.float64


def test_boxes_enclose_the_mapped_corners():
    assert Affine.scaling(2, 3).boxes([1, 2, 3, 4]).tolist() == [2, 6, 6, 12]
    np.testing.assert_allclose(rotation(90).boxes([[[1, 2, 3, 4]]]), [[[-4, 1, -2, 3]]])
    np.testing.assert_allclose(
        rotation(45).boxes([0, 0, 1, 1]), [-np.sqrt(0.5), 0, np.sqrt(0.5), np.sqrt(2)], atol=1e-12
    )
    assert Affine.identity().boxes(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_a_map_must_be_two_by_three_and_invertible():
    with pytest.raises(ValueError, match="matrix: shape"):
        Affine(np.eye(3))
    with pytest.raises(ValueError, match="singular"):
        Affine.scaling(0, 1).inverse()


@pytest.mark.parametrize(
    "affine",
    [
        Affine.identity(),
        Affine.translation(1.5, -0.75),
        Affine.scaling(2, 2),
        Affine.scaling(0.5, 1.25),
        rotation(30, 1.4, (9, -4)),
        rotation(-90, 1, (0, 13)),
        Affine([[-1, 0, 13], [0, 1, 0]]),
    ],
    ids=["identity", "shift", "double", "stretch", "rotate", "quarter turn", "mirror"],
)
@pytest.mark.parametrize("border", [0.0, 50.0])
def test_warp_samples_like_the_definition(affine, border):
    image = np.random.default_rng(1).uniform(0, 100, (11, 13)).astype(np.float32)
    warped = affine.warp(image, (15, 17), border=border)
    # OpenCV places samples on a grid of 1/32 pixel: with values up to 100 that is an error of
    # about 100/64 per axis; a half-pixel slip would be tens.
    np.testing.assert_allclose(
        warped, brute_force_warp(image, affine, (15, 17), border), atol=100 / 32 + 0.1
    )


def test_whole_pixel_maps_are_exact():
    image = np.random.default_rng(2).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    mirror = Affine([[-1, 0, 14], [0, 1, 0]])
    np.testing.assert_array_equal(mirror.warp(image, (9, 14)), image[:, ::-1])
    quarter = Affine([[0, -1, 9], [1, 0, 0]])  # clockwise, y down
    np.testing.assert_array_equal(quarter.warp(image, (14, 9)), np.rot90(image, -1))
    np.testing.assert_array_equal(
        Affine.translation(2, 3).warp(image, (9, 14), border=7)[3:, 2:], image[:-3, :-2]
    )


@pytest.mark.parametrize("shape", [(9, 14), (9, 14, 1), (9, 14, 2), (9, 14, 3), (9, 14, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_warp_keeps_channels_and_dtype(shape, dtype):
    warped = Affine.translation(1, 1).warp(np.ones(shape, dtype), (5, 6))
    assert warped.shape == (5, 6, *shape[2:]) and warped.dtype == dtype


def test_nearest_neighbour_keeps_labels():
    labels = np.random.default_rng(3).integers(0, 3, (20, 20), dtype=np.uint8) * 100
    warped = rotation(20, 1.3).warp(labels, (20, 20), interpolation=cv2.INTER_NEAREST)
    assert set(np.unique(warped)) <= {0, 100, 200}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("longest", [64, 480])
def test_letterbox_size_holds_the_scaled_image_tightly(size, longest):
    canvas = letterbox_size(size, longest, multiple=64)
    assert all(side % 64 == 0 for side in canvas)
    assert max(canvas) == -(-longest // 64) * 64
    scaled = np.array(size) * longest / max(size)
    assert (np.array(canvas) >= np.round(scaled)).all()
    assert (np.array(canvas) - scaled < 64).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("canvas_size", [(384, 512), (512, 384), (96, 64)])
def test_letterbox_map_is_exact_and_inverts(size, canvas_size):
    image = np.full((*size, 3), 200, np.uint8)
    canvas, affine = letterbox(image, canvas_size)
    assert canvas.shape == (*canvas_size, 3) and canvas.dtype == np.uint8
    corners = np.array([[0, 0], [size[1], size[0]]], np.float64)
    (left, top), (right, bottom) = affine(corners)
    assert (left, top) == (0, 0)
    assert right == pytest.approx(round(right)) and bottom == pytest.approx(round(bottom))
    right, bottom = round(right), round(bottom)
    assert right == canvas_size[1] or bottom == canvas_size[0]
    assert (canvas[:bottom, :right] == 200).all()
    assert (canvas[bottom:] == PADDING).all() and (canvas[:, right:] == PADDING).all()
    np.testing.assert_allclose(affine.inverse()(affine(corners)), corners, atol=1e-9)


@pytest.mark.parametrize("size", [(60, 80), (300, 410), (120, 90), (97, 97)])
@pytest.mark.parametrize("longest", [None, 100])
def test_letterbox_moves_content_where_the_map_says(size, longest):
    """A soft spot's centre of mass lands on the mapped point, to a hundredth of a pixel."""
    centre = np.array([0.37 * size[1], 0.61 * size[0]])
    rows, columns = np.indices(size) + 0.5
    width = max(size) / 20
    spot = np.exp(-((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / (2 * width**2))
    image = np.repeat(np.round(255 * spot).astype(np.uint8)[..., None], 3, axis=-1)
    canvas, affine = letterbox(image, (128, 128), longest=longest)
    right, bottom = np.round(affine([size[1], size[0]])).astype(int)
    assert max(right, bottom) == (longest or 128)
    found = centre_of_mass(canvas[:bottom, :right, 0].astype(np.float64))
    np.testing.assert_allclose(found, affine(centre_of_mass(image[..., 0])), atol=0.02)


def test_letterbox_shrinks_by_averaging():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    canvas, _ = letterbox(stripes, (50, 50))
    assert np.abs(canvas.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("size, margin", [((96, 64), 0.2), ((64, 96), 0.0), ((50, 50), 0.2)])
@pytest.mark.parametrize("box", [(30, 20, 70, 120), (-5.5, 10, 94.5, 30), (7, 7, 7, 7)])
def test_crop_map(box, size, margin):
    """The box's centre is the crop's; the grown box touches two sides and passes none."""
    x1, y1, x2, y2 = box
    height, width = size
    wide, high = max(x2 - x1, 1) * (1 + margin), max(y2 - y1, 1) * (1 + margin)
    while wide / high < width / height - 1e-6:  # grows until the aspect fits
        wide += min(1.0, high * width / height - wide)
    while wide / high > width / height + 1e-6:
        high += min(1.0, wide * height / width - high)
    move = crop_map(box, size, margin)
    left, top = (x1 + x2 - wide) / 2, (y1 + y2 - high) / 2
    corners = move([(left, top), (left + wide, top + high)])
    np.testing.assert_allclose(corners, [(0, 0), (width, height)], atol=1e-3)
    assert move.matrix[0, 0] == move.matrix[1, 1] > 0 and move.matrix[0, 1] == 0


@pytest.mark.parametrize("size", [(240, 320), (427, 640), (61, 97), (30, 8)])
def test_stretching_equals_warping_a_continued_image(size):
    cells = np.random.default_rng(0).uniform(size=(-(-size[0] // 9), -(-size[1] // 7)))
    cells = cells.astype(np.float32)
    scaling = Affine.scaling((size[1] + 3) / cells.shape[1], size[0] / cells.shape[0])
    continued = np.pad(cells, 1, mode="edge")
    expected = (scaling @ Affine.translation(-1, -1)).warp(continued, size)
    np.testing.assert_allclose(stretch(cells, scaling, size), expected, atol=1e-4)


def test_letterbox_into_a_given_canvas():
    image = np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)
    batch = np.full((2, 64, 96, 3), np.nan, np.float32)
    canvas, affine = letterbox(image, (64, 96), canvas=batch[1])
    expected, expected_affine = letterbox(image, (64, 96))
    assert np.shares_memory(canvas, batch) and np.isnan(batch[0]).all()
    np.testing.assert_array_equal(batch[1], expected)
    np.testing.assert_array_equal(affine.matrix, expected_affine.matrix)
