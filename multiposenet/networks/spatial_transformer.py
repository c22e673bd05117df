"""Spatial transformers: sample an image through an affine map, say where to look, and go back.

An image or map spans [-1, 1] x [-1, 1], whatever its size; the centre of column i of W columns has
x = (2 i + 1) / W - 1. theta ``(B, 2, 3)`` maps places of the result to places of the source, so
that theta = [I 0] copies. Points therefore go from the result back to the source with theta, and
from the source to the result with its inverse gamma.
"""

from keras import Input, Model, layers, ops

from multiposenet.networks.layers import ImageNormalization, conv_unit, register

# Determinants nearer to 0 count as this one: the map would look at a thousandth of the image.
LEAST_DETERMINANT = 1e-3

# Filters of SqueezeNet's fire modules: squeezed, and of each of the two expansions.
_FIRES = ((8, 16), (16, 32), (24, 48))
_STRIDE = 16


def transform(theta, points):
    """Maps points: ``(B, N, 2)`` xy in [-1, 1] by theta ``(B, 2, 3)``; batches broadcast.

    With theta it is the STN's map (RMPE, equation 1), with gamma the SDTN's (RMPE, equation 2).
    """
    theta, points = (ops.convert_to_tensor(x, "float32") for x in (theta, points))
    # Not a matrix product, which some devices compute with 10 bits.
    x, y = points[..., 0, None], points[..., 1, None]
    return theta[..., None, :, 0] * x + theta[..., None, :, 1] * y + theta[..., None, :, 2]


def invert(theta):
    """The map of the spatial de-transformer (SDTN), in closed form (RMPE, equations 5 and 6).

    [gamma1 gamma2] = [theta1 theta2]^-1 and gamma3 = -[gamma1 gamma2] theta3, which solve RMPE,
    equations 3 and 4. Automatic differentiation gives RMPE, equations 7 and 8. A determinant d with
    \\|d\\| below ``LEAST_DETERMINANT`` is replaced by that value with the sign of d (0 counts as
    positive) and has no gradient of its own; values and gradients are finite for every finite
    theta, but the result is then no inverse.

    Args:
        theta: ``(B, 2, 3)``.

    Returns:
        gamma ``(B, 2, 3)``.
    """
    theta = ops.convert_to_tensor(theta, "float32")
    (a, b, x), (c, d, y) = ([theta[..., i, j] for j in range(3)] for i in range(2))
    determinant = a * d - b * c
    least = ops.where(determinant < 0, -LEAST_DETERMINANT, LEAST_DETERMINANT)
    determinant = ops.where(ops.abs(determinant) < LEAST_DETERMINANT, least, determinant)
    rows = (d, -b, b * y - d * x), (-c, a, c * x - a * y)
    return ops.stack([ops.stack(row, -1) for row in rows], -2) / determinant[..., None, None]


def sample(images, theta, size):
    """Samples images bilinearly where theta points; there is zero outside the images.

    Args:
        images: ``(B, H, W, C)``.
        theta: ``(B, 2, 3)`` float32.
        size: height h and width w of the result.

    Returns:
        ``(B, h, w, C)`` of the images' type. Cell i has its value at its centre, i + 0.5 cells from
        the border; the half cell around the images is the slope down to zero.
    """
    images = ops.convert_to_tensor(images)
    (height, width), channels = ops.shape(images)[1:3], images.shape[-1]
    places = transform(theta, _centres(size))
    # A border of zeros stands for everything outside.
    images = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    column, right = _cell(places[..., 0], width)
    row, below = _cell(places[..., 1], height)
    batch = ops.arange(ops.shape(images)[0], dtype="int32")[:, None]
    index = (batch * (height + 2) + row) * (width + 2) + column
    cells = ops.reshape(images, (-1, channels))
    right, below = (ops.cast(share, images.dtype)[..., None] for share in (right, below))

    def along_x(index):
        left = ops.take(cells, index, axis=0)
        return left + right * (ops.take(cells, index + 1, axis=0) - left)

    above = along_x(index)
    result = above + below * (along_x(index + (width + 2)) - above)
    return ops.reshape(result, (-1, *size, channels))


def _centres(size):
    """``(1, h * w, 2)`` xy of the cells' centres in [-1, 1], row by row."""
    y, x = ((2.0 * ops.arange(n, dtype="float32") + 1.0) / n - 1.0 for n in size)
    x, y = ops.meshgrid(x, y)
    return ops.stack([ops.reshape(x, (1, -1)), ops.reshape(y, (1, -1))], axis=-1)


def _cell(place, cells):
    """The padded cell at or before every place, and the next one's share of the value there."""
    last = ops.cast(cells, place.dtype)
    place = ops.clip((place + 1.0) / 2.0 * last + 0.5, 0.0, last + 1.0)
    cell = ops.minimum(ops.floor(ops.stop_gradient(place)), last)
    return ops.cast(cell, "int32"), place - cell


@register
class SpatialTransformer(layers.Layer):
    """STN, or SDTN if ``inverse``: images seen through an affine map (RMPE, section 3.2.1).

    Called with ``[images (B, H, W, C), theta (B, 2, 3)]``, see ``sample``. Places are computed in
    float32 under every policy.

    Args:
        size: height and width of the result.
        inverse: sample through ``invert(theta)``, which brings the result of an STN back to where
            the STN took it from.
    """

    def __init__(self, size, *, inverse=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size, self.inverse = tuple(size), inverse

    def call(self, inputs):
        images, theta = inputs
        images = ops.cast(images, self.compute_dtype)
        return sample(images, invert(theta) if self.inverse else theta, self.size)

    def compute_output_shape(self, input_shape):
        (batch, *_, channels), _ = input_shape
        return (batch, *self.size, channels)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "inverse": self.inverse}


@register
class BoundedAffine(layers.Layer):
    """Six numbers per image to a theta that stays near the middle of the image: 0 is the middle.

    theta = [scale I, 0] + limit * tanh(numbers), at a scale of 1 near the identity. With a linear
    limit l below half of the scale s the determinant is at least s (s - 2 l), so that no map the
    network can say is singular or mirrors.

    Args:
        linear: l, by how much every entry of the linear part can differ from that of 0.
        shift: greatest shift, 1 being half of the image.
        scale: s, the share of the image's width and height that 0 looks at.

    Raises:
        ValueError: ``linear`` is not between 0 and half of the scale.
    """

    def __init__(self, linear=0.4, shift=0.5, scale=1.0, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if not 0 < linear < scale / 2:
            raise ValueError(
                f"BoundedAffine: linear is {linear}; use more than 0, less than {scale / 2:g}, "
                "half of the scale"
            )
        self.linear, self.shift, self.scale = linear, shift, scale

    def call(self, numbers):
        middle = ops.convert_to_tensor([[self.scale, 0.0, 0.0], [0.0, self.scale, 0.0]], "float32")
        limit = ops.convert_to_tensor([self.linear, self.linear, self.shift], "float32")
        return middle + limit * ops.tanh(ops.reshape(numbers, (-1, 2, 3)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2, 3)

    def get_config(self):
        own = {"linear": self.linear, "shift": self.shift, "scale": self.scale}
        return {**super().get_config(), **own}


def localisation_network(
    image_size=(256, 256), *, linear=0.4, shift=0.5, scale=1.0, name="localisation"
):
    """Where to look: a small SqueezeNet (Iandola et al. 2016, arXiv 1602.07360), as in RMPE.

    Three stages of two fire modules at strides 4, 8 and 16. Unlike SqueezeNet it does not average
    over the image, since it is about places. The last layer starts at zero and so theta starts
    exactly in the middle, at a scale of 1 at the identity.

    Args:
        image_size: height and width of the images, at least 16 each.
        linear, shift, scale: see ``BoundedAffine``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to theta ``(B, 2, 3)`` float32.

    Raises:
        ValueError: the images are too small.
    """
    if min(image_size) < _STRIDE:
        raise ValueError(f"localisation_network: image_size is {image_size}; use {_STRIDE} or more")
    images = Input((*image_size, 3), name="images")
    x = ImageNormalization("centered", name="normalization")(images)
    x = _convolution(x, 16, 3, "stem", strides=2)
    for stage, (squeezed, expanded) in enumerate(_FIRES, start=1):
        x = layers.MaxPooling2D(3, 2, "same", name=f"pool{stage}")(x)
        for module in (1, 2):
            x = _fire(x, squeezed, expanded, f"fire{stage}_{module}")
    x = _convolution(x, 16, 1, "reduced")
    x = layers.Flatten(name="places")(x)
    x = layers.Dense(6, kernel_initializer="zeros", name="numbers", dtype="float32")(x)
    return Model(images, BoundedAffine(linear, shift, scale, name="theta")(x), name=name)


def _fire(x, squeezed, expanded, name):
    x = _convolution(x, squeezed, 1, f"{name}_squeeze")
    sides = [_convolution(x, expanded, kernel, f"{name}_expand{kernel}") for kernel in (1, 3)]
    return layers.Concatenate(name=name)(sides)


def _convolution(x, filters, kernel, name, **kwargs):
    return conv_unit(x, filters, kernel, name=name, kernel_initializer="he_normal", **kwargs)
