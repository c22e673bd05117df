"""Parameters of every block of a model (MultiPoseNet, figure 7)."""

from matplotlib.figure import Figure

from multiposenet import plotting


def draw(rows: list[dict], name: str) -> Figure:
    """A bar for every block.

    Args:
        rows: `block` and `parameters` of each, from the first block to the last.
        name: of the model.
    """
    total = sum(row["parameters"] for row in rows)
    with plotting.look():
        figure, axes = plotting.panels(size=(6.4, 0.9 + 0.42 * len(rows)))
        axis = axes[0, 0]
        largest = max(row["parameters"] for row in rows)
        for place, row in enumerate(rows):
            count = row["parameters"]
            axis.barh(place, count / 1e6, height=0.66, color=plotting.BLUE)
            axis.annotate(
                f"{plotting.short(count)}  ({count / total:.0%})",
                (count / 1e6, place),
                (5, 0),
                textcoords="offset points",
                va="center",
            )
        axis.set_yticks(range(len(rows)), [row["block"] for row in rows])
        axis.set_xlim(0, 1.25 * largest / 1e6)
        axis.set_xlabel("parameters in millions")
        axis.set_title(f"{name}: {plotting.short(total)} parameters")
        axis.invert_yaxis()  # the first block on top
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
    return figure
