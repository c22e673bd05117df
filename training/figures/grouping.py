"""Average precision of assigners against what detectors get wrong (cf. MultiPoseNet, table 4)."""

import itertools

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from multiposenet import plotting
from multiposenet.training.grouping.degradation_sweep import PERFECT

# kind -> title, what the level counts, and whether it is a share
_KINDS = {
    "jitter": ("Misplaced keypoints", "standard deviation, share of person's size", True),
    "missing": ("Missing keypoints", "share of the keypoints", True),
    "spurious": ("Invented keypoints", "false ones for every true one", False),
    "loose": ("Loose boxes", "greatest error of a side, share of box", True),
    "duplicate": ("Duplicate boxes", "share of persons with a second box", True),
}
# An assigner looks the same in every figure.
_LINES = {
    "PRN": (plotting.BLUE, "o"),
    "UCR": (plotting.ORANGE, "s"),
    "nearest to box centre": (plotting.GREEN, "D"),
    "Max": (plotting.PURPLE, "^"),
}
_OTHERS = ((plotting.RED, "v"), (plotting.SKY, "P"), (plotting.INK, "X"))


def draw(rows: list[dict]) -> Figure:
    """A panel for every kind of error, a line for every assigner.

    Args:
        rows: of `degradation_sweep.sweep`.
    """
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    names = [key.removesuffix("/AP") for key in rows[0] if key.endswith("/AP")]
    columns = min(3, len(kinds))
    with plotting.look():
        figure, axes = plotting.panels(
            -(-len(kinds) // columns), columns, size=(2.9, 2.5), sharey=True
        )
        figure.get_layout_engine().set(wspace=0.06, hspace=0.06)
        for axis, kind in zip(axes.flat, kinds, strict=False):
            _panel(axis, [row for row in rows if row["kind"] == kind], names, *_KINDS[kind])
        for axis in axes[:, 0]:
            axis.set_ylabel("keypoint AP")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        spare = axes.flat[len(kinds) :]
        for axis in spare:
            axis.axis("off")
        if len(spare):
            spare[0].legend(handles, labels, loc="center left", fontsize=9.5)
        else:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _panel(axis, rows, names, title, meaning, is_share) -> None:
    levels = [row["level"] for row in rows]
    if PERFECT in names:
        values = [row[f"{PERFECT}/AP"] for row in rows]
        axis.plot(levels, values, color=plotting.GREY, linestyle=(0, (4, 2)), label=_label(PERFECT))
    others = itertools.cycle(_OTHERS)
    for number, name in enumerate(name for name in names if name != PERFECT):
        colour, marker = _LINES.get(name) or next(others)
        axis.plot(
            levels,
            [row[f"{name}/AP"] for row in rows],
            color=colour,
            marker=marker,
            markersize=4,
            label=_label(name),
            zorder=3 - 0.01 * number,  # the first name on top
            clip_on=False,
        )
    axis.set_title(title)
    axis.set_xlabel(meaning)
    axis.set_xlim(0, max(levels))
    axis.set_ylim(0, 100)
    axis.set_xticks(levels if len(levels) < 6 else levels[::2] if len(levels) % 2 else levels)
    if is_share:
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g} %"))
    else:
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def _label(name: str) -> str:
    return "perfect grouping" if name == PERFECT else name
