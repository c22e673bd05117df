"""The bilinear kernel on the cells of one axis, by which values are read from maps and added."""

from keras import ops


def tent(position, cells):
    """``(..., cells)``: bilinear weights of places ``(...)`` on cells 0, 1, ... of one axis."""
    cell = ops.arange(cells, dtype=position.dtype)
    return within(position[..., None] - cell)


def within(distance):
    """The kernel itself: 1 at distance 0, falling to 0 at 1 cell, elementwise."""
    return ops.maximum(1.0 - ops.abs(distance), 0.0)
