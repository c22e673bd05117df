"""How alike two poses are: object keypoint similarity (OKS), for all pairs at once."""

import numpy as np


def keypoint_similarity(
    squared_distances: np.ndarray, counted: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """OKS from squared joint distances; leading dimensions broadcast.

    OKS = mean over the counted joints of exp(-d^2 / (2 s^2 kappa^2)) with kappa = 2 sigma and
    s^2 = area (https://cocodataset.org/#keypoints-eval).

    Args:
        squared_distances: (..., K) d^2 in square pixels.
        counted: (..., K) bool, the joints that take part.
        areas: (...) area of the person that sets the scale, in square pixels.
        sigmas: (K,) standard deviation of each joint, relative to the square root of the area.

    Returns:
        (...) float64 in 0...1; 0 where no joint is counted.
    """
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    # A person of area 0 must not divide by 0; the constant is the one of pycocotools.
    areas = np.asarray(areas, np.float64)[..., None] + np.spacing(1)
    terms = np.exp(-(squared_distances / variances / areas / 2))
    total = np.where(counted, terms, 0).sum(axis=-1)
    return total / np.maximum(np.sum(counted, axis=-1), 1)


def oks(
    gt_keypoints: np.ndarray, gt_areas: np.ndarray, keypoints: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """OKS of every reference pose with every other pose, as pycocotools computes it.

    Args:
        gt_keypoints: (N, K, 3) reference poses (x, y, v) in pixels; joints with v > 0 count.
        gt_areas: (N,) areas of the reference persons in square pixels.
        keypoints: (M, K, 2) or (M, K, 3) poses (x, y, ...) in the same frame.
        sigmas: (K,) as in `Skeleton.sigmas`.

    Returns:
        (N, M) float64 in 0...1; a row of zeros for a reference pose without any joint.
    """
    gt_keypoints = np.asarray(gt_keypoints, np.float64)[:, None]
    keypoints = np.asarray(keypoints, np.float64)[None]
    dx = keypoints[..., 0] - gt_keypoints[..., 0]
    dy = keypoints[..., 1] - gt_keypoints[..., 1]
    squared = dx**2 + dy**2
    counted = np.broadcast_to(gt_keypoints[..., 2] > 0, squared.shape)
    return keypoint_similarity(squared, counted, np.asarray(gt_areas)[:, None], sigmas)
