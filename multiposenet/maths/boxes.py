"""Boxes of the person detector: anchors, matching, coding and non-maximum suppression.

All boxes are ``xyxy`` in continuous pixels: the image spans ``[0, W] x [0, H]`` and pixel ``i``
covers ``[i, i + 1)``. Anchors, matching and coding follow keras-retinanet 1.0.0, so that its
published regression heads fit (RetinaNet: Lin et al., https://arxiv.org/abs/1708.02002).

Anchors and matching are NumPy, because they belong to the input pipeline. Everything that runs
inside a network is ``keras.ops``. Box arithmetic that ``keras.utils.bounding_boxes`` offers
(format conversion, clipping, IoU of tensors) is used from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops
from keras.utils.bounding_boxes import compute_iou

from multiposenet.maths.overlap import area, intersection, pairwise_iou
from multiposenet.maths.top_k import pick, rows_at

BOX_STD = 0.2
"""Standard deviation by which box deltas are divided (keras-retinanet's box variance)."""


@dataclass(frozen=True)
class AnchorSpec:
    """Shapes and places of the anchors of a feature pyramid.

    Attributes:
        sizes: Side in pixels of the square anchor with scale 1, one entry per level.
        strides: Pixels per feature cell, one entry per level.
        ratios: Height over width.
        scales: Factors on ``sizes``.

    Raises:
        ValueError: If the tuples are empty, of unequal length or hold a value that is not positive.
    """

    sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    scales: tuple[float, ...] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))

    def __post_init__(self):
        for name in ("sizes", "strides", "ratios", "scales"):
            values = tuple(getattr(self, name))
            if not values or min(values) <= 0:
                raise ValueError(f"AnchorSpec: {name}: {values} must be positive numbers")
            object.__setattr__(self, name, values)
        if len(self.sizes) != len(self.strides):
            raise ValueError(
                f"AnchorSpec: sizes: {len(self.sizes)} entries for {len(self.strides)} strides; "
                "give one of each per pyramid level"
            )

    @property
    def per_cell(self) -> int:
        """Number of anchors of one feature cell."""
        return len(self.ratios) * len(self.scales)

    def level_shapes(self, image_size: tuple[int, int]) -> list[tuple[int, int]]:
        """Returns (rows, columns) of each level's feature map for an image of ``(H, W)`` pixels."""
        height, width = image_size
        return [(-(-height // stride), -(-width // stride)) for stride in self.strides]

    def templates(self) -> np.ndarray:
        """Returns the anchors of one cell around the origin, ``(levels, per_cell, 4)`` float64.

        Ratios vary slowest and scales fastest. An anchor's area does not depend on its ratio.
        """
        ratios = np.repeat(np.asarray(self.ratios, float), len(self.scales))
        sides = np.outer(self.sizes, np.tile(self.scales, len(self.ratios)))
        half = np.stack([sides / np.sqrt(ratios), sides * np.sqrt(ratios)], axis=-1) / 2
        return np.concatenate([-half, half], axis=-1)


def anchors_for_image(image_size: tuple[int, int], spec: AnchorSpec | None = None) -> np.ndarray:
    """Lays the anchors over an image.

    The map of a level has ``ceil(size / stride)`` cells; cell ``i`` has its centre at
    ``(i + 0.5) * stride``. Order: level, row, column, ratio, scale.

    Args:
        image_size: ``(H, W)`` in pixels.
        spec: The anchors; default RetinaNet's five levels of nine.

    Returns:
        ``(A, 4)`` float32 xyxy pixels.
    """
    spec = spec or AnchorSpec()
    levels = []
    for (rows, columns), stride, template in zip(
        spec.level_shapes(image_size), spec.strides, spec.templates(), strict=True
    ):
        x, y = np.meshgrid((np.arange(columns) + 0.5) * stride, (np.arange(rows) + 0.5) * stride)
        centres = np.stack([x, y, x, y], axis=-1)[:, :, None]
        levels.append((centres + template).reshape(-1, 4))
    return np.concatenate(levels).astype("float32")


def anchors_for_levels(shapes: Sequence[tuple], spec: AnchorSpec | None = None):
    """Lays the anchors over feature maps inside a network, whose image size may be dynamic.

    Args:
        shapes: ``(rows, columns)`` of each level, integers or scalar tensors as ``ops.shape``
            returns them.
        spec: The anchors; default RetinaNet's five levels of nine.

    Returns:
        Tensor ``(A, 4)`` float32, equal to `anchors_for_image` of the same image.
    """
    spec = spec or AnchorSpec()
    levels = []
    for (rows, columns), stride, template in zip(
        shapes, spec.strides, spec.templates().astype("float32"), strict=True
    ):
        x, y = ops.meshgrid(
            (ops.arange(columns, dtype="float32") + 0.5) * stride,
            (ops.arange(rows, dtype="float32") + 0.5) * stride,
        )
        centres = ops.expand_dims(ops.stack([x, y, x, y], axis=-1), axis=2)
        levels.append(ops.reshape(centres + template, (-1, 4)))
    return ops.concatenate(levels, axis=0)


def anchors_at(indices, shapes: Sequence[tuple], spec: AnchorSpec | None = None):
    """Some of the anchors, without making all.

    Args:
        indices: int32 tensor ``(...)`` into the rows of `anchors_for_levels`.
        shapes: As there.
        spec: As there.

    Returns:
        Tensor ``(..., 4)`` float32.
    """
    spec = spec or AnchorSpec()
    rows, columns = (ops.stack(sides) for sides in zip(*shapes, strict=True))
    counts = rows * columns * spec.per_cell
    starts = ops.cumsum(counts) - counts
    level = ops.sum(ops.cast(indices[..., None] >= starts[1:], "int32"), axis=-1)
    start, columns = rows_at(starts, level), rows_at(columns, level)
    cell, shape = (indices - start) // spec.per_cell, (indices - start) % spec.per_cell
    stride = rows_at(np.asarray(spec.strides, "float32"), level)
    x = (ops.cast(cell % columns, "float32") + 0.5) * stride
    y = (ops.cast(cell // columns, "float32") + 0.5) * stride
    templates = spec.templates().astype("float32").reshape(-1, 4)
    template = rows_at(templates, level * spec.per_cell + shape)
    return ops.stack([x, y, x, y], axis=-1) + template


def encode(anchors, boxes, std: float = BOX_STD):
    """Expresses boxes as deltas of the anchors' corners.

    Each corner coordinate's distance is divided by the anchor's width (x) or height (y) and by
    ``std``, as in keras-retinanet. The centre-and-size coding of
    ``keras.utils.bounding_boxes.encode_box_to_deltas`` is a different one.

    Args:
        anchors: ``(..., 4)`` xyxy of positive width and height.
        boxes: ``(..., 4)`` xyxy; the shapes broadcast.
        std: Standard deviation of the deltas.

    Returns:
        Tensor ``(..., 4)`` float32 of deltas ``(x1, y1, x2, y2)``.
    """
    anchors = ops.cast(anchors, "float32")
    return (ops.cast(boxes, "float32") - anchors) / (_sides(anchors) * std)


def decode(anchors, deltas, std: float = BOX_STD):
    """Inverse of `encode`: applies deltas ``(..., 4)`` to anchors, returns xyxy boxes float32."""
    anchors = ops.cast(anchors, "float32")
    return anchors + ops.cast(deltas, "float32") * (_sides(anchors) * std)


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
