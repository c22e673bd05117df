"""Precision against recall, by the size of the persons (MultiPoseNet figure 5)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from multiposenet.evaluation.average_precision import RECALLS, THRESHOLDS
from multiposenet.training.figures import style

MEASURES = {"keypoints": "OKS", "boxes": "IoU"}
_NAMED = (0, 5, 9)  # thresholds 0.50, 0.75 and 0.95


def draw(curves: dict[str, dict[str, np.ndarray]], sizes=("all", "medium", "large")) -> Figure:
    """A row of panels for keypoints and one for boxes, a panel for each size.

    Args:
        curves: "keypoints" or "boxes" -> size -> (10, 101) precision; see
            `evaluation.precision_curves`.
        sizes: those drawn.
    """
    # From dark, the loose thresholds, to light.
    colours = [colormaps["viridis"](0.05 + 0.85 * share) for share in np.linspace(0, 1, 10)]
    with style.look():
        figure, axes = style.panels(
            len(curves), len(sizes), size=(3.0, 2.75), sharex=True, sharey=True
        )
        for row, (kind, by_size) in zip(axes, curves.items(), strict=True):
            for axis, size in zip(row, sizes, strict=True):
                _panel(axis, by_size[size], colours, MEASURES[kind])
                axis.set_title(f"{kind}, {size}" + ("" if size == "all" else " persons"))
            row[0].set_ylabel("precision")
        for axis in axes[-1]:
            axis.set_xlabel("recall")
    return figure


def _panel(axis, precision, colours, measure) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.set_aspect("equal")
    if (precision < 0).all():
        axis.text(0.5, 0.5, "nobody of this size", ha="center", color=style.GREY)
        return
    for index in reversed(range(len(THRESHOLDS))):
        named = index in _NAMED
        label = f"{measure} {THRESHOLDS[index]:.2f}:  {precision[index].mean():.2f}"
        axis.plot(
            RECALLS,
            precision[index],
            color=colours[index],
            linewidth=1.9 if named else 0.9,
            label=label if named else None,
            clip_on=False,
        )
    handles, labels = axis.get_legend_handles_labels()
    legend = axis.legend(
        handles[::-1],
        labels[::-1],
        title=f"AP {precision.mean():.3f}",
        loc="lower left",
        handlelength=1.2,
        fontsize=7.5,
        labelspacing=0.25,
        borderaxespad=0.3,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
    )
    legend.get_title().set(fontweight="bold", fontsize=8.5)
    legend._legend_box.align = "left"
