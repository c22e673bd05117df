"""Box offsets of a detector beside those of proposal generators (RMPE ICCV, figure 5)."""

import numpy as np
from matplotlib.figure import Figure

from multiposenet import plotting
from multiposenet.training.figures.offset_comparison import distances
from multiposenet.training.proposals.offsets import SIDES

EDGES = np.linspace(-0.5, 0.5, 41)


def densities(drawn) -> np.ndarray:
    """(4, 40) histogram of each side's offsets (n, 4) between `EDGES`, as a density of all."""
    counts = [np.histogram(side, EDGES)[0] for side in np.asarray(drawn).T]
    return np.stack(counts) / (len(drawn) * np.diff(EDGES))


def draw(real: np.ndarray, made: dict[str, np.ndarray]) -> Figure:
    """A panel for each side of the box.

    Args:
        real: (n, 4) offsets of detections.
        made: name to (m, 4) offsets of each generator.
    """
    with plotting.look():
        figure, axes = plotting.panels(2, 2, size=(3.4, 2.6), sharex=True)
        own = densities(real)
        shapes = {name: (densities(drawn), distances(real, drawn)) for name, drawn in made.items()}
        for index, (axis, side) in enumerate(zip(axes.flat, SIDES, strict=True)):
            axis.stairs(own[index], EDGES, fill=True, color=plotting.PALE, label="detector")
            axis.text(0.03, 0.97, "KS", va="top", fontsize=7.5, transform=axis.transAxes)
            for row, (name, (density, distance)) in enumerate(shapes.items()):
                colour = plotting.CYCLE[row % len(plotting.CYCLE)]
                axis.stairs(density[index], EDGES, color=colour, linewidth=1.3, label=name)
                axis.text(
                    0.03,
                    0.89 - 0.08 * row,
                    f"{distance[side]:.2f}",
                    va="top",
                    color=colour,
                    fontsize=7.5,
                    transform=axis.transAxes,
                )
            axis.set_title(side)
            axis.set_xlim(EDGES[0], EDGES[-1])
        for axis in axes[:, 0]:
            axis.set_ylabel("density")
        for axis in axes[-1]:
            axis.set_xlabel("offset, in sizes of the true box")
        lines, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=3, fontsize=7.5)
    return figure
