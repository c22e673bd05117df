"""How alike two poses are: object keypoint similarity (OKS) and the pose similarity of RMPE."""

import numpy as np

# Smaller persons are taken for this size, in pixels, which no distance is divided by 0 with.
_SMALLEST = 1e-6
# How far keypoints that match may lie apart along x and along y, in sizes of the person: PCK's
# radius, by which RMPE, equation 10, draws its box.
_REACH = 0.1


def keypoint_similarity(
    squared_distances: np.ndarray, counted: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """OKS from squared keypoint distances; leading dimensions broadcast.

    OKS = mean over the counted keypoints of exp(-d^2 / (2 s^2 kappa^2)) with kappa = 2 sigma and
    s^2 = area (https://cocodataset.org/#keypoints-eval).

    Args:
        squared_distances: (..., K) d^2 in square pixels.
        counted: (..., K) bool, the keypoints that take part.
        areas: (...) area of the person that sets the scale, in square pixels.
        sigmas: (K,) standard deviation of each keypoint, relative to the square root of the area.

    Returns:
        (...) float64 in 0...1; 0 where no keypoint is counted.
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
        gt_keypoints: (N, K, 3) reference poses (x, y, v) in pixels; keypoints with v > 0 count.
        gt_areas: (N,) areas of the reference persons in square pixels.
        keypoints: (M, K, 2) or (M, K, 3) poses (x, y, ...) in the same frame.
        sigmas: (K,) as in `Skeleton.sigmas`.

    Returns:
        (N, M) float64 in 0...1; a row of zeros for a reference pose without any keypoint.
    """
    gt_keypoints = np.asarray(gt_keypoints, np.float64)[:, None]
    keypoints = np.asarray(keypoints, np.float64)[None]
    dx = keypoints[..., 0] - gt_keypoints[..., 0]
    dy = keypoints[..., 1] - gt_keypoints[..., 1]
    squared = dx**2 + dy**2
    counted = np.broadcast_to(gt_keypoints[..., 2] > 0, squared.shape)
    return keypoint_similarity(squared, counted, np.asarray(gt_areas)[:, None], sigmas)


def found_only(keypoints: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns (..., K, 2) keypoints, NaN where a pose lacks the keypoint (score of 0 or less).

    A keypoint that is NaN in one of two poses takes no part in the similarities below.
    """
    return np.where(np.asarray(scores)[..., None] > 0, keypoints, np.nan)


def squared_offsets(keypoints, sizes, others) -> tuple[np.ndarray, np.ndarray]:
    """How far the keypoints of poses are from those of others; leading dimensions broadcast.

    Args:
        keypoints: (..., K, 2) xy of the poses, of `found_only`.
        sizes: (...) of their persons, in the same unit.
        others: (..., K, 2) xy of the other poses.

    Returns:
        (..., K) dx^2 and (..., K) dy^2 in units of the size.
    """
    sizes = np.maximum(sizes, _SMALLEST)[..., None]
    squares = []
    for axis in (0, 1):
        offset = others[..., axis] - keypoints[..., axis]
        offset /= sizes
        offset *= offset
        squares.append(offset)
    return tuple(squares)


def pose_oks(keypoints, areas, others, sigmas) -> np.ndarray:
    """OKS of found poses with others, over the keypoints that both have.

    Args:
        keypoints, others: as for `squared_offsets`.
        areas: (...) of the first poses' persons; of detections, the areas of their boxes.
        sigmas: (K,) as in `Skeleton.sigmas`.

    Returns:
        (...) in 0...1; 0 where no keypoint is common.
    """
    dx2, dy2 = squared_offsets(keypoints, np.sqrt(areas), others)
    dx2 += dy2
    common = np.count_nonzero(dx2 == dx2, axis=-1)
    variances = 2 * (2 * np.asarray(sigmas, dx2.dtype)) ** 2
    return soft_distances(dx2, variances) / np.maximum(common, 1)


def near(dx2, dy2) -> np.ndarray:
    """Whether keypoints lie in the box of RMPE, equation 10, around those of the first pose.

    Args:
        dx2, dy2: (..., K) of `squared_offsets`, in units of the longer side of the person's box.

    Returns:
        (..., K) bool, at most 0.1 away along x and along y.
    """
    return np.maximum(dx2, dy2) <= _REACH**2


def confidences(scores, sigma1: float) -> np.ndarray:
    """tanh(c / sigma1) of keypoint scores c (RMPE, equation 10), 0 for missing keypoints."""
    return np.tanh(np.maximum(scores, 0) / sigma1)


def soft_matches(near, confident, other_confident) -> np.ndarray:
    """K_sim (RMPE, equation 10): softly counts the confident keypoints in the same place.

    Args:
        near: (..., K) bool.
        confident: (..., K) `confidences` of the first pose's keypoints.
        other_confident: (..., K) those of the other's.

    Returns:
        (...) in 0...K.
    """
    return (near * (confident * other_confident)).sum(axis=-1)


def soft_distances(squared, sigma2) -> np.ndarray:
    """H_sim (RMPE, equation 11): sum of exp(-d^2 / sigma2), whatever the keypoints' scores.

    Args:
        squared: (..., K) squared distances, NaN where a keypoint is missing.
        sigma2: squared distance at which a keypoint counts 1 / e.

    Returns:
        (...) in 0...K.
    """
    terms = squared * (-1 / sigma2)
    np.exp(terms, out=terms)
    return np.fmax(terms, 0, out=terms).sum(axis=-1)  # what is NaN counts 0


def pose_similarity(
    keypoints, sizes, confident, others, other_confident, sigma2: float, distance_weight: float
) -> np.ndarray:
    """d = K_sim + distance_weight H_sim (RMPE, equation 12), which grows with the *similarity*.

    Args:
        keypoints, others: as for `squared_offsets`.
        sizes: (...) longer sides of the first persons' boxes, the size in PCK.
        confident, other_confident: as for `soft_matches`.
        sigma2: of `soft_distances`.
        distance_weight: weight of H_sim.

    Returns:
        (...) in 0...K (1 + distance_weight), the same at every resolution.
    """
    dx2, dy2 = squared_offsets(keypoints, sizes, others)
    matches = soft_matches(near(dx2, dy2), confident, other_confident)
    dx2 += dy2
    return matches + distance_weight * soft_distances(dx2, sigma2)


def keypoint_overlap(squared, radius: float) -> np.ndarray:
    """Share of the common keypoints of two poses that lie in the same place.

    Args:
        squared: (..., K) squared distances, NaN where a keypoint is missing.
        radius: up to which distance places are the same.

    Returns:
        (...) in 0...1; 0 where no keypoint is common.
    """
    common = np.count_nonzero(squared == squared, axis=-1)
    return np.count_nonzero(squared <= radius**2, axis=-1) / np.maximum(common, 1)
