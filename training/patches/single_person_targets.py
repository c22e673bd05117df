"""Targets of networks that see one person in every image (RMPE, DeepPose)."""

import numpy as np

from multiposenet.maths.heatmaps import STRIDE, GaussianHeatmaps


def centre_pose(points, boxes, size_hw, margin=None):
    """Where the joints would be if the person were in the centre (RMPE, section 3.2.1, figure 6).

    The parallel SPPE has this pose as its target, so that its error moves the STN.

    Args:
        points: ``(B, K, 2)`` xy in pixels of the proposals' images.
        boxes: ``(B, 4)`` xyxy, the true boxes of the same persons in the same frame.
        size_hw: height and width of the parallel SPPE's images.
        margin: ``None`` moves the persons only. A number scales them, too, so that the true box,
            longer by this share (RMPE: 0.2), just fits into the image: the picture that the SPPE
            would have got from a perfect detector.

    Returns:
        ``(B, K, 2)`` float32 xy in pixels.
    """
    points, boxes = np.asarray(points, np.float32), np.asarray(boxes, np.float32)
    size = np.array([size_hw[1], size_hw[0]], np.float32)
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    offset = points - (low + high) / 2
    if margin is not None:
        offset = offset * (size / ((high - low) * (1 + margin))).min(axis=-1, keepdims=True)
    return offset + size / 2


def centring_theta(boxes, proposal_size, image_size, margin):
    """The STN's map that shows persons as a perfect detector's boxes would have done.

    It brings the places of ``centre_pose`` with the same margin back to the proposals.

    Args:
        boxes: ``(B, 4)`` xyxy, the true boxes in pixels of the proposals.
        proposal_size: height and width of the proposals.
        image_size: height and width of the STN's result.
        margin: by which share the result is longer and wider than the box.

    Returns:
        theta ``(B, 2, 3)`` float32, see ``networks.spatial_transformer``.
    """
    boxes = np.asarray(boxes, np.float32)
    source, result = (np.float32([size[1], size[0]]) for size in (proposal_size, image_size))
    low, high = boxes[:, :2], boxes[:, 2:]
    pixels = ((high - low) * (1 + margin) / result).max(axis=1, keepdims=True)
    theta = np.zeros((len(boxes), 2, 3), np.float32)
    theta[:, [0, 1], [0, 1]] = pixels * result / source
    theta[..., 2] = (low + high) / source - 1
    return theta


def heatmap_targets(points, visible, sigma, size_hw, stride=STRIDE):
    """Heatmaps of one person an image.

    Args:
        points: ``(B, K, 2)`` xy in pixels.
        visible: ``(B, K)``; joints with 0 are not drawn.
        sigma: standard deviation in pixels.
        size_hw: height and width of the images.
        stride: pixels per cell.

    Returns:
        ``(B, H / stride, W / stride, K)`` float32.
    """
    keypoints = np.concatenate([points, np.asarray(visible)[..., None]], axis=-1)
    cells = tuple(side // stride for side in size_hw)
    codec = GaussianHeatmaps(stride)
    return np.stack([codec.encode(one[None], [sigma], cells)["heatmaps"] for one in keypoints])
