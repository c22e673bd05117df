"""Boxes of the person detector: matching, coding and non-maximum suppression.

All boxes are ``xyxy`` in continuous pixels: the image spans ``[0, W] x [0, H]`` and pixel ``i``
covers ``[i, i + 1)``. Matching follows keras-retinanet 1.0.0, and so does coding unless another is
chosen, so that its published regression heads fit (RetinaNet: Lin et al.,
https://arxiv.org/abs/1708.02002).

Matching is NumPy, because it belongs to the input pipeline. Everything that runs inside a network
is ``keras.ops``. Box arithmetic that ``keras.utils.bounding_boxes`` offers (format conversion,
clipping, IoU of tensors, deltas of centre and size) is used from there.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops
from keras.utils.bounding_boxes import compute_iou, decode_deltas_to_boxes, encode_box_to_deltas

from multiposenet.maths.overlap import area, intersection, pairwise_iou
from multiposenet.maths.top_k import pick

BOX_STD = 0.2
"""Standard deviation by which deltas of corners are divided (keras-retinanet's box variance)."""

CODINGS = ("corners", "centre_size")
"""How boxes are told by anchors, see `encode`."""

_MOST_LOG_SIZE = math.log(1000 / 16)  # keeps untrained networks from infinite boxes


def encode(anchors, boxes, coding: str = "corners"):
    """Expresses boxes as deltas of anchors.

    Args:
        anchors: ``(..., 4)`` xyxy of positive width and height.
        boxes: ``(..., 4)`` xyxy; the shapes broadcast.
        coding: ``"corners"``, keras-retinanet's: each corner coordinate's distance is divided by
            the anchor's width (x) or height (y) and by ``BOX_STD``. ``"centre_size"``,
            torchvision's (R-CNN, Girshick et al. 2014, arXiv 1311.2524, appendix C): the distance
            of the centres in the anchor's width and height, and the logarithms of the ratios of
            widths and of heights.

    Returns:
        Tensor ``(..., 4)`` float32 of deltas ``(x1, y1, x2, y2)`` or ``(x, y, width, height)``.
    """
    anchors, boxes = ops.cast(anchors, "float32"), ops.cast(boxes, "float32")
    if coding == "centre_size":
        return encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", "center_xywh")
    return (boxes - anchors) / (_sides(anchors) * BOX_STD)


def decode(anchors, deltas, coding: str = "corners"):
    """Inverse of `encode`: applies deltas ``(..., 4)`` to anchors, returns xyxy boxes float32.

    By ``"centre_size"`` a box is 62.5 times as wide or high as its anchor at most.
    """
    anchors, deltas = ops.cast(anchors, "float32"), ops.cast(deltas, "float32")
    if coding == "centre_size":
        sizes = ops.minimum(deltas[..., 2:], _MOST_LOG_SIZE)
        deltas = ops.concatenate([deltas[..., :2], sizes], axis=-1)
        return decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy", "center_xywh")
    return anchors + deltas * (_sides(anchors) * BOX_STD)


def _sides(boxes):
    """Width, height, width, height of xyxy boxes (..., 4)."""
    return ops.tile(boxes[..., 2:] - boxes[..., :2], (1,) * (len(boxes.shape) - 1) + (2,))


def match(
    anchors: np.ndarray,
    boxes: np.ndarray,
    ignore_boxes: np.ndarray | None = None,
    image_size: tuple[int, int] | None = None,
    positive: float = 0.5,
    negative: float = 0.4,
    ignore: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Assigns each anchor to the true box it overlaps most.

    An anchor is positive from IoU ``positive`` on, negative up to ``negative`` and ignored between
    them. Of equally good boxes the first wins. No box is given an anchor by force: one that
    overlaps none enough has no positive. All this is as in keras-retinanet 1.0.0; the ignored
    regions are ours.

    Args:
        anchors: ``(A, 4)`` xyxy.
        boxes: ``(N, 4)`` xyxy of the persons, N may be 0.
        ignore_boxes: ``(M, 4)`` xyxy of crowds and other regions without usable labels.
        image_size: ``(H, W)``; anchors whose centre lies outside are ignored.
        positive: Smallest IoU of a positive.
        negative: Largest IoU of a negative.
        ignore: A negative that has at least this share of its area inside one of
            ``ignore_boxes`` is ignored.

    Returns:
        ``labels`` ``(A,)`` int32, 1 positive, 0 negative, -1 ignored, and ``index`` ``(A,)`` int32,
        the best box of each anchor (0 where there are no boxes).
    """
    # float64: at a threshold, rounding must not decide.
    anchors = np.asarray(anchors, "float64").reshape(-1, 4)
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    labels = np.zeros(len(anchors), "int32")
    index = np.zeros(len(anchors), "int32")
    areas = area(anchors)
    if len(boxes):
        iou = pairwise_iou(anchors, boxes)
        index = iou.argmax(axis=1).astype("int32")
        best = iou[np.arange(len(anchors)), index]
        labels[best > negative] = -1
        labels[best >= positive] = 1
    if ignore_boxes is not None and len(ignore_boxes):
        shared = intersection(anchors, np.asarray(ignore_boxes, "float64").reshape(-1, 4))
        covered = shared.max(axis=1) >= ignore * np.maximum(areas, 1e-12)
        labels[covered & (labels == 0)] = -1
    if image_size is not None:
        height, width = image_size
        x, y = (anchors[:, :2] + anchors[:, 2:]).T / 2
        # A centre on the right or lower border is outside, whatever float32 made of the corners.
        labels[(x < 0) | (y < 0) | (x >= width - 1e-3) | (y >= height - 1e-3)] = -1
    return labels, index


def nms(
    boxes,
    scores,
    iou_threshold: float,
    max_output: int,
    score_threshold: float = float("-inf"),
    candidates: int = 1000,
):
    """Greedy non-maximum suppression of a batch, inside or outside a compiled graph.

    The best box is kept and the boxes that overlap it by an IoU above ``iou_threshold`` are
    removed, and so on. Boxes of equal score go in the order in which they are given. A box
    without area overlaps nothing.

    Instead of one box after the other, all decisions are taken at once and repeated until nothing
    changes: a box is kept if no better *kept* box overlaps it. In round n the n best boxes are
    settled at the latest, so the only fixed point is the greedy result; a few rounds suffice,
    as many as the longest chain of boxes that suppress one another.

    Args:
        boxes: ``(B, N, 4)`` xyxy; N may be dynamic.
        scores: ``(B, N)``.
        iou_threshold: Largest IoU of two kept boxes.
        max_output: Number of rows returned.
        score_threshold: Boxes must score more than this to take part.
        candidates: Only so many boxes of the highest scores take part.

    Returns:
        ``indices`` ``(B, max_output)`` int32 into the N boxes, best first, 0 in unused rows, and
        ``valid`` ``(B, max_output)`` bool, false in unused rows.
    """
    # The result is an integer choice; JAX could not differentiate through the loop anyway.
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    scores = ops.stop_gradient(ops.cast(scores, "float32"))
    count = boxes.shape[1]
    candidates = max(candidates, max_output)
    dynamic = not isinstance(count, int)  # None, or a symbol while JAX infers shapes
    padding = candidates if dynamic else max(max_output - count, 0)
    if padding:
        boxes = ops.pad(boxes, [[0, 0], [0, padding], [0, 0]])
        scores = ops.pad(scores, [[0, 0], [0, padding]], constant_values=float("-inf"))
    if dynamic or count + padding > candidates:
        order = ops.top_k(scores, candidates, sorted=False)[1]
        # top_k does not promise to keep the order of equal scores; the two sorts do.
        order = ops.sort(order, axis=1)
        scores = pick(scores, order)
        best_first = ops.argsort(-scores, axis=1)
        order = pick(order, best_first)
    else:
        candidates = count + padding
        order = best_first = ops.argsort(-scores, axis=1)
    scores, boxes = pick(scores, best_first), pick(boxes, order)

    rank = ops.arange(candidates, dtype="int32")
    better = ops.expand_dims(rank, 1) < ops.expand_dims(rank, 0)
    suppresses = ops.logical_and(compute_iou(boxes, boxes, "xyxy") > iou_threshold, better)
    suppresses = ops.cast(suppresses, "float32")
    eligible = scores > score_threshold

    def decided(kept):
        # How many kept boxes suppress each: exact, and faster than a reduction of booleans.
        beaten = ops.matmul(ops.expand_dims(ops.cast(kept, "float32"), 1), suppresses)[:, 0] > 0
        return ops.logical_and(eligible, ops.logical_not(beaten))

    def decide_twice(_, kept):  # a turn of the loop costs more than a decision
        before = decided(kept)
        kept = decided(before)
        return ops.any(ops.not_equal(before, kept)), kept

    # The change is part of the state: conversion to ONNX mistakes a state that the body only
    # passes on from another (such as the decisions before) and stops too early.
    first = ops.any(eligible), eligible
    _, kept = ops.while_loop(lambda changed, _: changed, decide_twice, first)

    front = ops.argsort(ops.where(kept, rank, rank + candidates), axis=1)[:, :max_output]
    valid = pick(kept, front)
    indices = ops.cast(pick(order, front), "int32")
    return ops.where(valid, indices, 0), valid
