"""The two pictures that the proposal network compares (RMPE, figure 7).

Both show the true box, stretched to a square, and half its size around it: 1 is the whole picture.
So the picture of a box depends on its offsets alone.
"""

import colorsys

import cv2
import numpy as np

MARGIN = 0.5
"""What is seen on every side of the true box, as a share of its size."""

_SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel
_WIDTH = 0.03  # of a limb, and radius of a keypoint, as a share of the picture


def pose_images(keypoints, boxes, skeleton, size) -> np.ndarray:
    """Poses: every labelled keypoint in a colour of its own, limbs in those of their two keypoints.

    Args:
        keypoints: (N, K, 3) x, y, v in pixels of the photo.
        boxes: (N, 4) xyxy, the true boxes.
        skeleton: limbs of the K keypoints.
        size: side of the pictures in pixels.

    Returns:
        (N, size, size, 3) uint8 on black; all black for a person without labelled keypoints.
    """
    keypoints, boxes = np.asarray(keypoints, np.float64), np.asarray(boxes, np.float64)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)[:, None]
    places = _on_picture((keypoints[..., :2] - boxes[:, None, :2]) / sides, size)
    # OpenCV counts from pixel centres.
    points = np.rint((np.clip(places, -4 * size, 5 * size) - 0.5) * 2**_SHIFT).astype(np.int32)
    colours = keypoint_colours(skeleton.num_keypoints)
    thickness, radius = max(1, round(_WIDTH * size)), round(_WIDTH * size * 2**_SHIFT)
    images = np.zeros((len(points), size, size, 3), np.uint8)
    for image, own, labelled in zip(images, points, keypoints[..., 2] > 0, strict=True):
        for limb in skeleton.limbs:
            if labelled[list(limb)].all():
                colour = (colours[list(limb)].mean(axis=0) / 2).tolist()
                start, end = own[list(limb)].tolist()
                cv2.line(image, start, end, colour, thickness, cv2.LINE_AA, _SHIFT)
        for keypoint in np.flatnonzero(labelled):
            place, colour = own[keypoint].tolist(), colours[keypoint].tolist()
            cv2.circle(image, place, radius, colour, -1, cv2.LINE_AA, _SHIFT)
    return images


def keypoint_colours(count) -> np.ndarray:
    """(count, 3) float64 RGB, 0 to 255: hues around the circle."""
    hues = np.arange(count) / count
    return 255 * np.array([colorsys.hsv_to_rgb(hue, 1.0, 1.0) for hue in hues])


def box_images(offsets, size) -> np.ndarray:
    """Boxes: black inside, white outside, grey where they cover a pixel in part.

    Args:
        offsets: (N, 4) of the boxes from the true one, see ``offsets``.
        size: side of the pictures in pixels.

    Returns:
        (N, size, size, 1) float32, 0 inside to 1 outside.
    """
    corners = np.asarray(offsets, np.float64) + (0, 0, 1, 1)
    low, high = (_on_picture(corners[:, side], size)[..., None] for side in ([0, 1], [2, 3]))
    pixel = np.arange(size)
    covered = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, 1)  # (N, 2, size)
    inside = covered[:, 1, :, None] * covered[:, 0, None]
    return (1 - inside)[..., None].astype(np.float32)


def _on_picture(places, size):
    """From shares of the true box to pixels of the picture."""
    return (places + MARGIN) / (1 + 2 * MARGIN) * size
