"""Precision against recall, by the size of the persons (MultiPoseNet, figure 5)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from multiposenet import plotting
from multiposenet.evaluation.average_precision import RECALLS, THRESHOLDS

MEASURES = {"keypoints": "OKS", "boxes": "IoU"}
_AP50, _AP75 = 0, 5  # in THRESHOLDS


def draw(curves: dict[str, dict[str, np.ndarray]], sizes=("all", "medium", "large")) -> Figure:
    """A row of panels for keypoints and one for boxes, a panel for each size.

    Args:
        curves: "keypoints" or "boxes" -> size -> (10, 101) precision; see
            `evaluation.precision_curves`.
        sizes: those drawn.
    """
    # From dark, the loose thresholds, to light.
    colours = [colormaps["viridis"](0.05 + 0.85 * share) for share in np.linspace(0, 1, 10)]
    with plotting.look():
        figure, axes = plotting.panels(
            len(curves), len(sizes), size=(2.75, 2.75), sharex=True, sharey=True
        )
        for row, (kind, by_size) in zip(axes, curves.items(), strict=True):
            for axis, size in zip(row, sizes, strict=True):
                persons = "all persons" if size == "all" else f"{size} persons"
                _panel(axis, by_size[size], colours, f"{kind}, {persons}")
            row[0].set_ylabel("precision")
            lines = [Line2D([], [], color=colour) for colour in colours]
            row[-1].legend(
                lines,
                [f"{threshold:.2f}" for threshold in THRESHOLDS],
                title=MEASURES[kind],
                loc="center left",
                bbox_to_anchor=(1.02, 0.5),
                handlelength=1.3,
            )
        for axis in axes[-1]:
            axis.set_xlabel("recall")
    return figure


def _panel(axis, precision, colours, title) -> None:
    ticks = np.linspace(0, 1, 5)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xticks=ticks, yticks=ticks)
    axis.set_box_aspect(1)
    axis.set_title(title, pad=18)
    if (precision < 0).all():
        axis.text(0.5, 0.5, "nobody of this size", ha="center", color=plotting.GREY)
        return
    means = precision.mean(axis=1)
    figures = f"AP {means.mean():.3f}   AP50 {means[_AP50]:.3f}   AP75 {means[_AP75]:.3f}"
    axis.annotate(figures, (0, 1), (0, 5), "axes fraction", "offset points", fontsize=8)
    for index in reversed(range(len(THRESHOLDS))):
        # Beyond the highest recall there is nothing to see.
        end = np.count_nonzero(precision[index]) + 1
        axis.plot(
            RECALLS[:end],
            precision[index, :end],
            color=colours[index],
            linewidth=2.0 if index in (_AP50, _AP75) else 1.0,
            clip_on=False,
        )
