"""Where in a crop of a person each keypoint is to be expected, counted on labels.

It is the bias of a network's layer ``networks.grmi.PlaceBias``: MoveNet's heatmaps alone do not
know whose crop it is.
"""

import cv2
import numpy as np

from multiposenet.maths import cropping

LEAST_KEYPOINTS = 3
SMOOTHING = 2.0  # cells
FAINTEST = 1e-2  # least chance of a place, against the likeliest one


def expected_places(annotations, image_size, cells, margin):
    """Logarithms of how likely a keypoint is in each cell of a crop, against its likeliest cell.

    Persons and their mirror images are counted.

    Args:
        annotations: ``CocoAnnotations``.
        image_size: height and width of the crops in pixels.
        cells: height and width of the maps.
        margin: by which share crops are longer and wider than boxes.

    Returns:
        ``(h, w, K)`` float32, from log(FAINTEST) to about 0.
    """
    skeleton, (height, width) = annotations.skeleton, cells
    persons = annotations.persons
    rows = ~persons.crowd & (persons.num_keypoints >= LEAST_KEYPOINTS)
    keypoints, boxes = persons.keypoints[rows], persons.xywh[rows].copy()
    boxes[:, 2:] += boxes[:, :2]
    regions = cropping.regions(boxes, image_size, margin)
    low, high = regions[:, None, :2], regions[:, None, 2:]
    where, seen = (keypoints[..., :2] - low) / (high - low), keypoints[..., 2] > 0
    flip = skeleton.flip_indices
    where = np.concatenate([where, (where * (-1, 1) + (1, 0))[:, flip]])
    seen = np.concatenate([seen, seen[:, flip]]) & ((where >= 0) & (where < 1)).all(axis=-1)
    cells = (where[seen] * (width, height)).astype(int)
    counts = np.zeros((skeleton.num_keypoints, height, width))
    np.add.at(counts, (np.nonzero(seen)[1], cells[:, 1], cells[:, 0]), 1)
    smooth = np.stack([cv2.GaussianBlur(one, (0, 0), SMOOTHING) for one in counts])
    smooth /= np.maximum(smooth.max(axis=(1, 2), keepdims=True), 1e-9)
    return np.log(smooth + FAINTEST).transpose(1, 2, 0).astype(np.float32)
