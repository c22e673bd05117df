"""Anchors: the boxes that the person detector's outputs are told by.

All boxes are ``xyxy`` in continuous pixels, as in `maths.boxes`. Anchors are NumPy where they
belong to the input pipeline, and ``keras.ops`` inside a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from multiposenet.maths.top_k import rows_at

CONVENTIONS = ("keras-retinanet", "torchvision")


@dataclass(frozen=True)
class AnchorSpec:
    """Shapes and places of the anchors of a feature pyramid.

    Attributes:
        sizes: Side in pixels of the square anchor with scale 1, one entry per level.
        strides: Pixels per feature cell, one entry per level.
        ratios: Height over width.
        scales: Factors on ``sizes``.
        convention: Of ``CONVENTIONS``, whose anchors they are. ``"keras-retinanet"`` has them
            around the centres of cells. ``"torchvision"`` has the first ones around the image's
            corner and the next ones as many pixels apart as the image has for each cell of the
            level, without the remainder; sides are rounded so that half of each is whole.

    Raises:
        ValueError: If the tuples are empty, of unequal length or hold a value that is not positive;
            or the convention is unknown, or leaves an anchor no size.
    """

    sizes: tuple[float, ...] = (32, 64, 128, 256, 512)
    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    scales: tuple[float, ...] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
    convention: str = "keras-retinanet"

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
        if self.convention not in CONVENTIONS:
            raise ValueError(
                f"AnchorSpec: convention: {self.convention!r:.60}; use one of "
                f"{', '.join(CONVENTIONS)}"
            )
        if not self.templates().any(axis=-1).all():
            raise ValueError(f"AnchorSpec: sizes: {self.sizes}; some are too small to be rounded")

    @property
    def per_cell(self) -> int:
        """Number of anchors of one feature cell."""
        return len(self.ratios) * len(self.scales)

    def level_shapes(self, image_size: tuple[int, int]) -> list[tuple[int, int]]:
        """Returns (rows, columns) of each level's feature map for an image of ``(H, W)`` pixels."""
        height, width = image_size
        return [(-(-height // stride), -(-width // stride)) for stride in self.strides]

    @property
    def first(self) -> float:
        """Where the first anchors are, in steps from the image's corner."""
        return 0.0 if self.convention == "torchvision" else 0.5

    def steps(self, rows, columns):
        """Pixels between the anchors of neighbouring cells, at each level.

        Args:
            rows, columns: ``(levels,)`` sides of the feature maps, arrays or tensors of integers.

        Returns:
            Horizontal and vertical steps, ``(levels,)`` each; the same array if they always are.
        """
        if self.convention == "torchvision":
            return tuple(sides[0] * self.strides[0] // sides for sides in (columns, rows))
        return (np.asarray(self.strides, "float32"),) * 2

    def templates(self) -> np.ndarray:
        """Returns the anchors of one cell around the origin, ``(levels, per_cell, 4)`` float64.

        Ratios vary slowest and scales fastest. But for rounding, an anchor's area does not depend
        on its ratio.
        """
        ratios = np.repeat(np.asarray(self.ratios, float), len(self.scales))
        sides = np.outer(self.sizes, np.tile(self.scales, len(self.ratios)))
        if self.convention == "torchvision":
            sides = np.floor(sides)
        half = np.stack([sides / np.sqrt(ratios), sides * np.sqrt(ratios)], axis=-1) / 2
        if self.convention == "torchvision":
            half = np.round(half)
        return np.concatenate([-half, half], axis=-1)


def anchors_for_image(image_size: tuple[int, int], spec: AnchorSpec | None = None) -> np.ndarray:
    """Lays the anchors over an image.

    The map of a level has ``ceil(size / stride)`` cells; by keras-retinanet's convention cell ``i``
    has its centre at ``(i + 0.5) * stride``. Order: level, row, column, ratio, scale.

    Args:
        image_size: ``(H, W)`` in pixels.
        spec: The anchors; default RetinaNet's five levels of nine.

    Returns:
        ``(A, 4)`` float32 xyxy pixels.
    """
    spec = spec or AnchorSpec()
    levels, shapes = [], np.array(spec.level_shapes(image_size))
    steps = zip(*spec.steps(*shapes.T), strict=True)
    for (rows, columns), (step_x, step_y), template in zip(
        shapes, steps, spec.templates(), strict=True
    ):
        x, y = np.meshgrid(
            (np.arange(columns) + spec.first) * step_x, (np.arange(rows) + spec.first) * step_y
        )
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
    steps_x, steps_y = spec.steps(*(ops.stack(sides) for sides in zip(*shapes, strict=True)))
    for level, ((rows, columns), template) in enumerate(
        zip(shapes, spec.templates().astype("float32"), strict=True)
    ):
        x, y = ops.meshgrid(
            (ops.arange(columns, dtype="float32") + spec.first)
            * ops.cast(steps_x[level], "float32"),
            (ops.arange(rows, dtype="float32") + spec.first) * ops.cast(steps_y[level], "float32"),
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
    rows, all_columns = (ops.stack(sides) for sides in zip(*shapes, strict=True))
    counts = rows * all_columns * spec.per_cell
    starts = ops.cumsum(counts) - counts
    level = ops.sum(ops.cast(indices[..., None] >= starts[1:], "int32"), axis=-1)
    start, columns = rows_at(starts, level), rows_at(all_columns, level)
    cell, shape = (indices - start) // spec.per_cell, (indices - start) % spec.per_cell
    steps_x, steps_y = spec.steps(rows, all_columns)
    step_x = step_y = ops.cast(rows_at(steps_x, level), "float32")
    if steps_y is not steps_x:
        step_y = ops.cast(rows_at(steps_y, level), "float32")
    x = (ops.cast(cell % columns, "float32") + spec.first) * step_x
    y = (ops.cast(cell // columns, "float32") + spec.first) * step_y
    templates = spec.templates().astype("float32").reshape(-1, 4)
    template = rows_at(templates, level * spec.per_cell + shape)
    return ops.stack([x, y, x, y], axis=-1) + template
