"""One look for all figures: colours that stay apart for the colour-blind, few lines, units."""

import os
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from multiposenet import drawing

# Okabe and Ito's palette, without its yellow, which is faint on white.
BLUE, ORANGE, GREEN = "#0072b2", "#e08a00", "#009e73"
RED, PURPLE, SKY = "#d55e00", "#b5629a", "#56b4e9"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
INK, GREY, PALE = "#222222", "#8a8a8a", "#e4e4e4"

DOTS_PER_INCH = 160

_LOOK = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "figure.dpi": DOTS_PER_INCH,
}


@contextmanager
def look():
    """Within it, matplotlib draws in this style; elsewhere it stays as it was."""
    with matplotlib.rc_context(_LOOK):
        yield


def panels(rows=1, columns=1, size=(3.2, 2.6), **options):
    """A figure and its axes, `(rows, columns)`; call it and draw within `look`.

    Args:
        rows: of panels.
        columns: of panels.
        size: (width, height) of a panel in inches.
        **options: of `Figure.subplots`.
    """
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    # Not pyplot: it would keep every figure, and open windows where there is a screen.
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def image(figure: Figure) -> np.ndarray:
    """Renders a figure; returns (H, W, 3) uint8 RGB."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def save(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as a picture, which appears whole or not at all.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix is not one of an image format.
    """
    drawing.save(image(figure), Path(path))


def short(count: float) -> str:
    """A count with two or three significant digits: 950, 4.41 M, 23.6 M, 141 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            value = count / size
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}{unit}"
    return f"{count:.0f}"
