"""Quality against milliseconds of the settings that `multiposenet tune` has measured."""

import os

from multiposenet import plotting


def save(
    rows: list[dict], quality: str, proposal: dict, fps: float | None, path: str | os.PathLike
) -> None:
    """Draws a curve over the sizes for each model and runtime, and rings the proposal.

    Args:
        rows: with `model`, `runtime`, `size`, `ms` and `quality`.
        quality: what it is.
        proposal: one of the rows.
        fps: that were asked for, a line; or None.
        path: of the picture.
    """
    with plotting.look():
        figure, axes = plotting.panels(size=(6.4, 4.0))
        axes = axes[0, 0]
        for name in dict.fromkeys((row["model"], row["runtime"]) for row in rows):
            own = [row for row in rows if (row["model"], row["runtime"]) == name]
            own.sort(key=lambda row: row["size"])
            x, y = ([row[key] for row in own] for key in ("ms", "quality"))
            (line,) = axes.plot(x, y, marker="o", markersize=4, label=", ".join(name))
            for row in (own[0], own[-1]):
                place = (row["ms"], row["quality"])
                style = {"xytext": (4, -10), "textcoords": "offset points", "fontsize": 7}
                axes.annotate(str(row["size"]), place, color=line.get_color(), **style)
        ring = {"markersize": 12, "markeredgecolor": plotting.INK, "markerfacecolor": "none"}
        axes.plot(proposal["ms"], proposal["quality"], "o", label="proposal", **ring)
        if fps:
            axes.axvline(1000 / fps, color=plotting.GREY, linewidth=1, linestyle="--")
            style = {"rotation": 90, "fontsize": 7, "color": plotting.GREY, "ha": "right"}
            axes.text(1000 / fps, axes.get_ylim()[0], f"{fps:g} frames/s", **style)
        axes.set_xscale("log")
        least, most = axes.get_xlim()
        round_ones = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
        ticks = [tick for tick in round_ones if least <= tick <= most]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("milliseconds a photo, from pixels to poses")
        axes.set_ylabel(quality)
        axes.set_title("Cost against quality on this machine")
        axes.legend(loc="lower right", fontsize=7)
        plotting.save(figure, path)
