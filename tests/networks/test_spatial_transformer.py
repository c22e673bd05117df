"""STN and SDTN against loops, SciPy, finite differences and the paper's closed form."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from gradients import finite_differences, gradient
from keras import ops
from scipy import ndimage
from stn_points import transform_pixels

from multiposenet.maths.geometry import Affine
from multiposenet.networks import spatial_transformer
from multiposenet.networks.spatial_transformer import (
    LEAST_DETERMINANT,
    BoundedAffine,
    SpatialTransformer,
    invert,
    localisation_network,
    transform,
)

IDENTITY = np.array([[[1, 0, 0], [0, 1, 0]]], "float32")
THETA = np.array([[0.8, -0.31, 0.13], [0.22, 1.17, -0.21]])


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def tensor(array):
    return ops.convert_to_tensor(array, "float32")


def sample(images, thetas, size):
    return compiled(functools.partial(spatial_transformer.sample, size=size))(images, thetas)


def looped(image, theta, size):
    """The sampler written from its definition: ``(H, W)`` to ``size``, in float64."""
    (height, width), result = image.shape, np.zeros(size)
    for row, column in np.ndindex(size):
        target = (2 * column + 1) / size[1] - 1, (2 * row + 1) / size[0] - 1, 1
        x, y = theta @ target
        x, y = (x + 1) / 2 * width - 0.5, (y + 1) / 2 * height - 0.5
        for i in (int(np.floor(y)), int(np.floor(y)) + 1):
            for j in (int(np.floor(x)), int(np.floor(x)) + 1):
                if 0 <= i < height and 0 <= j < width:
                    result[row, column] += image[i, j] * (1 - abs(y - i)) * (1 - abs(x - j))
    return result


def inverse(theta):
    linear = np.linalg.inv(theta[:, :2])
    return np.column_stack([linear, -linear @ theta[:, 2]])


def blob(size, x, y, sigma):
    """``(1, h, w, 1)`` Gaussian at x, y in pixels."""
    rows, columns = (np.arange(n) + 0.5 for n in size)
    maps = np.exp(-((columns - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * sigma**2))
    return maps[None, :, :, None].astype("float32")


@pytest.mark.parametrize("size", [(5, 7), (9, 4)])
def test_sampler_against_a_loop(size):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 6, 8, 2)).astype("float32")
    thetas = IDENTITY + rng.normal(scale=0.6, size=(3, 2, 3)).astype("float32")
    result = numpy(compiled(SpatialTransformer(size))([images, thetas]))
    assert result.shape == (3, *size, 2)
    for image, theta, found in zip(images, thetas, result, strict=True):
        for channel in range(2):
            expected = looped(image[..., channel], theta.astype("float64"), size)
            np.testing.assert_allclose(found[..., channel], expected, atol=1e-4)


def test_sampler_against_scipy():
    image = np.random.default_rng(1).normal(size=(20, 30)).astype("float32")
    y, x = np.meshgrid(
        (np.arange(20) + 0.5) / 10 - 1, (np.arange(30) + 0.5) / 15 - 1, indexing="ij"
    )
    x, y = THETA @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    places = [(y + 1) * 10 - 0.5, (x + 1) * 15 - 0.5]
    expected = ndimage.map_coordinates(
        image.astype("float64"), places, order=1, mode="grid-constant"
    )
    found = sample(image[None, :, :, None], THETA[None].astype("float32"), (20, 30))
    np.testing.assert_allclose(numpy(found).ravel(), expected, atol=1e-4)


def test_sampler_has_the_pixel_centres_of_geometry():
    """Halving about the centre is the warp that ``geometry`` makes of the same map in pixels."""
    image = blob((24, 32), 13, 15, 4)
    theta = np.array([[[2, 0, 0], [0, 2, 0]]], "float32")
    expected = Affine([[0.5, 0, 8], [0, 0.5, 6]]).warp(image[0, :, :, 0], (24, 32))
    np.testing.assert_allclose(
        numpy(sample(image, theta, (24, 32)))[0, :, :, 0], expected, atol=1e-5
    )


def test_identity_copies():
    images = np.random.default_rng(2).normal(size=(2, 7, 5, 3)).astype("float32")
    found = sample(images, np.repeat(IDENTITY, 2, axis=0), (7, 5))
    np.testing.assert_allclose(numpy(found), images, atol=1e-5)


@pytest.mark.parametrize("shift", [3.0, -3.0, 1e6])
def test_zero_outside(shift):
    theta = IDENTITY.copy()
    theta[0, 0, 2] = shift
    images = np.ones((1, 4, 6, 1), "float32")
    assert not numpy(sample(images, theta, (4, 6))).any()
    found = gradient(lambda t: ops.sum(sample(images, t, (4, 6))), theta)
    assert not found.any()


def test_places_are_float32_in_half_precision():
    """A place in bfloat16 has 8 bits, too few to tell the columns of this ramp apart."""
    ramp = np.arange(256, dtype="float32")[None, None, :, None]
    found = compiled(SpatialTransformer((1, 256), dtype="mixed_bfloat16"))([ramp, IDENTITY])
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    np.testing.assert_allclose(numpy(ops.cast(found, "float32")), ramp, rtol=0.01)


def test_sampler_gradients_against_finite_differences():
    rng = np.random.default_rng(3)
    image, weight = rng.normal(size=(6, 7)), rng.normal(size=(5, 4))

    def loss(image, theta):
        maps = sample(image[None, :, :, None], theta[None], (5, 4))
        return ops.sum(maps[0, :, :, 0] * tensor(weight))

    small = image.astype("float32"), THETA.astype("float32")
    np.testing.assert_allclose(
        gradient(lambda theta: loss(small[0], theta), THETA),
        finite_differences(lambda theta: np.sum(looped(image, theta, (5, 4)) * weight), THETA),
        rtol=1e-3,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        gradient(lambda image: loss(image, small[1]), image),
        finite_differences(lambda image: np.sum(looped(image, THETA, (5, 4)) * weight), image),
        atol=1e-4,
    )


def test_gradients_through_stn_and_sdtn_against_finite_differences():
    """Theta acts twice: the way there, and the highway to the way back."""
    rng = np.random.default_rng(4)
    image, weight = rng.normal(size=(6, 6)), rng.normal(size=(6, 6))

    def slow(theta):
        return np.sum(looped(looped(image, theta, (6, 6)), inverse(theta), (6, 6)) * weight)

    def fast(theta):
        theta = theta[None]
        there = SpatialTransformer((6, 6))([image[None, :, :, None].astype("float32"), theta])
        back = SpatialTransformer((6, 6), inverse=True)([there, theta])
        return ops.sum(back[0, :, :, 0] * tensor(weight))

    np.testing.assert_allclose(
        gradient(fast, THETA), finite_differences(slow, THETA), rtol=1e-3, atol=1e-3
    )


def test_inverse_in_closed_form():
    thetas = IDENTITY + np.random.default_rng(5).normal(scale=0.5, size=(20, 2, 3))
    expected = np.stack([inverse(theta) for theta in thetas])
    found = numpy(invert(ops.convert_to_tensor(thetas, "float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_inverse_gradients_are_equations_7_and_8():
    rng = np.random.default_rng(6)
    weight = rng.normal(size=(2, 3))  # dJ / d[gamma1 gamma2 gamma3]
    found = gradient(lambda theta: ops.sum(invert(theta) * tensor(weight)), THETA)
    linear = inverse(THETA)[:, :2]
    # The inverse's differential is -gamma dtheta gamma; gamma3 = -gamma theta3 brings the 2nd term.
    on_gamma = weight[:, :2] - np.outer(weight[:, 2], THETA[:, 2])
    closed = np.column_stack([-linear.T @ on_gamma @ linear.T, -linear.T @ weight[:, 2]])
    np.testing.assert_allclose(found, closed, rtol=1e-4, atol=1e-5)
    differences = finite_differences(lambda theta: np.sum(inverse(theta) * weight), THETA)
    np.testing.assert_allclose(found, differences, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "linear",
    [np.zeros((2, 2)), [[1, 2], [2, 4]], [[1e-3, 0], [0, 1e-3]], [[0.01, 0], [0, -0.01]]],
)
def test_singular_theta(linear):
    theta = np.column_stack([linear, [0.5, -0.25]]).astype("float32")
    determinant = np.linalg.det(np.asarray(linear, "float64"))
    least = -LEAST_DETERMINANT if determinant < -1e-9 else LEAST_DETERMINANT
    (a, b), (c, d) = np.asarray(linear, "float64")
    expected = np.array([[d, -b], [-c, a]]) / least
    found = numpy(compiled(invert)(ops.convert_to_tensor(theta)))
    np.testing.assert_allclose(found[:, :2], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[:, 2], -expected @ theta[:, 2], rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradient(lambda x: ops.sum(invert(x)), theta)).all()
    image = blob((6, 6), 3, 3, 2)

    def there_and_back(theta):
        maps = SpatialTransformer((6, 6))([image, theta[None]])
        return ops.sum(SpatialTransformer((6, 6), inverse=True)([maps, theta[None]]))

    assert np.isfinite(numpy(compiled(there_and_back)(ops.convert_to_tensor(theta))))
    assert np.isfinite(gradient(there_and_back, theta)).all()


def test_sdtn_restores_a_smooth_map():
    image = blob((32, 24), 11, 17, 3.5)
    theta = THETA[None].astype("float32")
    person = compiled(SpatialTransformer((32, 24)))([image, theta])
    restored = compiled(SpatialTransformer((32, 24), inverse=True))([person, theta])
    assert np.abs(numpy(person) - image).max() > 0.2  # it had moved
    np.testing.assert_allclose(numpy(restored), image, atol=0.05)


def test_points_go_where_the_picture_goes():
    size, theta = (40, 48), THETA[None].astype("float32")
    person = numpy(sample(blob(size, 20, 24, 3), theta, size))[0, :, :, 0]
    rows, columns = (np.arange(n) + 0.5 for n in size)
    seen = [(person.sum(0) * columns).sum(), (person.sum(1) * rows).sum()] / person.sum()
    point = np.array([[[20, 24]]], "float32")
    np.testing.assert_allclose(transform_pixels(invert(theta), point, size)[0, 0], seen, atol=0.1)
    np.testing.assert_allclose(
        transform_pixels(theta, seen[None, None].astype("float32"), size), point, atol=0.1
    )


def test_points_by_hand():
    theta = np.array([[[2, 1, 0.5], [0, -1, 0.25]]], "float32")
    found = transform(theta, np.array([[[0.5, -0.25], [0, 0]]], "float32"))
    np.testing.assert_allclose(numpy(found), [[[1.25, 0.5], [0.5, 0.25]]])


def test_localisation_starts_at_the_identity():
    images = np.random.default_rng(7).uniform(0, 255, (2, 32, 48, 3)).astype("float32")
    theta = numpy(compiled(localisation_network((32, 48)))(images))
    np.testing.assert_array_equal(theta, np.repeat(IDENTITY, 2, axis=0))


def test_localisation_tells_places_apart():
    model = localisation_network((64, 64))
    kernel, bias = model.get_layer("numbers").get_weights()
    kernel = np.random.default_rng(8).normal(scale=0.1, size=kernel.shape)
    model.get_layer("numbers").set_weights([kernel, bias])
    left, right = (255 * np.repeat(blob((64, 64), x, 32, 5), 3, axis=3) for x in (20, 44))
    say = compiled(model)
    assert np.abs(numpy(say(left)) - numpy(say(right))).max() > 0.01


def test_every_map_that_the_network_can_say_is_invertible():
    extremes = np.random.default_rng(9).choice([-1e3, 1e3], (200, 6)).astype("float32")
    thetas = numpy(BoundedAffine(linear=0.45, shift=0.5)(extremes))
    assert np.linalg.det(thetas[:, :, :2]).min() >= 1 - 2 * 0.45 - 1e-5
    assert np.abs(thetas[:, :, 2]).max() <= 0.5


def test_numbers_that_cannot_be():
    with pytest.raises(ValueError, match="linear is 0.5; use more than 0, less than 0.5"):
        BoundedAffine(linear=0.5)
    with pytest.raises(ValueError, match=r"image_size is \(8, 64\); use 16 or more"):
        localisation_network((8, 64))
