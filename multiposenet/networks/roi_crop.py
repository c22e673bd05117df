"""From candidate keypoints to the 36x56 crop of every person's box, and back: RoI crop.

The size of the crop is the paper's (MultiPoseNet, section 3.5).

A crop holds, for every keypoint, the candidates in the person's box, each as a peak of the height
of its score. A crop is a product of two small matrices per keypoint (rows times columns), so that
all people of a batch are cropped and read in a few batched matrix products without any loop.
"""

from keras import ops

from multiposenet.maths.bilinear import tent

HEIGHT, WIDTH = 56, 36
# Keypoints up to this share of the box's size outside it count, as in the authors' code: with
# strict boxes even a perfect assigner loses a tenth of the AP.
MARGIN = 0.21


def grid_weights(points, boxes, margin=MARGIN):
    """Bilinear weights of every point on the rows and columns of every box's grid.

    Args:
        points: ``(B, K, P, 2)`` xy, the candidates of every keypoint.
        boxes: ``(B, N, 4)`` xyxy in the same frame.
        margin: points up to this share of the box's size outside it are clamped to its border;
            farther ones have weight 0.

    Returns:
        ``rows (B, N, K, P, 56)``, ``columns (B, N, K, P, 36)`` and ``inside (B, N, K, P)``.
        The centre of cell i lies at ``(i + 0.5) / cells`` of the box.
    """
    y, x, inside = grid_places(points, boxes, margin)
    rows = tent(ops.where(inside > 0, y, -1.0), HEIGHT)  # no row's cell has a weight at -1
    return rows, tent(x, WIDTH), inside


def grid_places(points, boxes, margin=MARGIN):
    """Row and column of every point on every box's grid, to a fraction of a cell.

    Args: as ``grid_weights``.

    Returns:
        ``y (B, N, K, P)`` from 0 to 55 and ``x`` from 0 to 35, clamped, whole numbers at the
        centres of cells; ``inside (B, N, K, P)``.
    """
    x, y, inside = relative_places(points, boxes, margin)
    y = ops.clip(y * HEIGHT - 0.5, 0.0, HEIGHT - 1.0)
    return y, ops.clip(x * WIDTH - 0.5, 0.0, WIDTH - 1.0), inside


def relative_places(points, boxes, margin=MARGIN):
    """Every point in units of every box, and whether it lies in it.

    Args: as ``grid_weights``.

    Returns:
        ``x`` and ``y``, both ``(B, N, K, P)``, 0 and 1 at the box's sides, and ``inside`` of the
        same shape: 1 within the box and its margin, else 0.
    """
    # Axis by axis: reductions over an axis of two take longer than all the rest.
    low, high = boxes[:, :, None, None, :2], boxes[:, :, None, None, 2:]
    size = ops.maximum(high - low, 1e-3)
    x, y = ((points[:, None, ..., i] - low[..., i]) / size[..., i] for i in (0, 1))
    inside = (x >= -margin) & (x <= 1.0 + margin) & (y >= -margin) & (y <= 1.0 + margin)
    return x, y, ops.cast(inside, points.dtype)


def crop(rows, columns, scores):
    """``(B * N, 56, 36, K)`` crops of the candidates; ``scores`` is ``(B, K, P)``."""
    weighted = rows * scores[:, None, :, :, None]
    crops = ops.einsum("bnkph,bnkpw->bnhwk", weighted, columns)
    return ops.reshape(crops, (-1, HEIGHT, WIDTH, crops.shape[-1]))


def read(rows, columns, crops):
    """``(B, N, K, P)``: the value of maps ``(B * N, 56, 36, K)`` at every candidate."""
    shape = ops.shape(rows)
    crops = ops.reshape(crops, (shape[0], shape[1], HEIGHT, WIDTH, shape[2]))
    along_rows = ops.einsum("bnhwk,bnkph->bnkpw", crops, rows)
    return ops.sum(along_rows * columns, axis=-1)


def highest_cell(crops, boxes):
    """``(B, N, K, 2)`` xy pixels: the centre of the highest cell of maps ``(B * N, 56, 36, K)``."""
    num_keypoints = crops.shape[-1]
    by_keypoint = ops.transpose(ops.reshape(crops, (-1, HEIGHT * WIDTH, num_keypoints)), (0, 2, 1))
    maps = ops.reshape(by_keypoint, (-1, boxes.shape[1], num_keypoints, HEIGHT * WIDTH))
    return place_of_cell(first_of_highest(maps), (HEIGHT, WIDTH), boxes)


def place_of_cell(cell, size_hw, boxes):
    """``(B, N, K, 2)`` xy pixels: the centres of cells ``(B, N, K)`` of grids over the boxes."""
    height, width = size_hw
    x = (ops.cast(cell % width, boxes.dtype) + 0.5) / width
    y = (ops.cast(cell // width, boxes.dtype) + 0.5) / height
    corner = boxes[:, :, None, :2]
    return corner + ops.stack([x, y], axis=-1) * (boxes[:, :, None, 2:] - corner)


def first_of_highest(values):
    """``(...)`` int32, the first index of the highest of values ``(..., n)``."""
    # Not argmax: Keras' own handles -0.0 by bits, which no converter to ONNX or OpenVINO knows.
    last = values.shape[-1] - 1
    is_highest = values >= ops.max(values, axis=-1, keepdims=True)
    return ops.min(ops.where(is_highest, ops.arange(last + 1, dtype="int32"), last), axis=-1)
