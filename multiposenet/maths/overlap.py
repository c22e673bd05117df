"""How boxes overlap, by NumPy alone: what starts without Keras needs it, too."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """Areas (N,) of (N, 4) xyxy boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared area of each pair of (A, 4) and (B, 4) xyxy boxes, (A, B)."""
    low = np.maximum(a[:, None, :2], b[:, :2])
    high = np.minimum(a[:, None, 2:], b[:, 2:])
    return np.clip(high - low, 0, None).prod(axis=-1)


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of each pair of (A, 4) and (B, 4) xyxy boxes, (A, B), in their precision."""
    shared = intersection(a, b)
    return shared / np.maximum(area(a)[:, None] + area(b) - shared, 1e-12)
