"""Where points of an image go with the STN."""

import numpy as np
from keras import ops

from multiposenet.networks.spatial_transformer import transform


def transform_pixels(theta, points, size_hw):
    """``transform`` of points ``(B, N, 2)`` xy in pixels of an image of ``(height, width)``.

    Points in the result of an STN get their places in the source; with ``invert(theta)`` it is the
    other way round. Source and result have the same size.
    """
    size = np.float32(size_hw[::-1])
    points = ops.convert_to_numpy(points) / size * 2 - 1
    return (ops.convert_to_numpy(transform(theta, points)) + 1) / 2 * size
