"""The course of a training as a picture."""

from matplotlib.ticker import EngFormatter

from multiposenet import plotting

_NOT_LOSSES = {"step", "learning_rate", "samples/s", "waiting", "gradient"}


def save(lines, path, title=""):
    """Draws losses, learning rate and validation figures over the steps.

    Args:
        lines: of the log, see ``monitor``.
        path: of the picture.
        title: above it.

    Raises:
        OSError: the file cannot be written.
    """
    plotting.save(draw(lines, title), path)


def draw(lines, title=""):
    """As ``save``; returns the ``Figure``."""
    logged = [line for line in lines if "loss" in line]
    validated = [line for line in lines if "validation" in line]
    names = [name for name in (logged[-1] if logged else ()) if name not in _NOT_LOSSES]
    panels = [("loss", _series(logged, names))]
    panels.append(("learning rate", _series(logged, ["learning_rate"])))
    if validated:
        figures = [{"step": line["step"], **line["validation"]} for line in validated]
        kept = list(validated[-1]["validation"])
        panels.append(("validation", _series(figures, kept)))
    with plotting.look():
        figure, axes = plotting.panels(columns=len(panels), size=(3.6, 2.8))
        figure.suptitle(title, fontsize=10)
        for place, (name, series) in zip(axes[0], panels, strict=True):
            for label, (steps, values) in series.items():
                place.plot(steps, values, label=label, marker="." if name == "validation" else "")
            place.set_title(name)
            place.set_xlabel("step")
            place.xaxis.set_major_formatter(EngFormatter(sep=" "))
            positive = all(value > 0 for _, values in series.values() for value in values)
            if name != "validation" and series and positive:
                place.set_yscale("log")
            if name == "validation":
                place.set_ylim(bottom=0)
            if len(series) > 1:
                place.legend()
        if validated:
            best = validated[-1]["best"]
            axes[0][2].plot(best["step"], best["value"], "o", fillstyle="none", color=plotting.INK)
            axes[0][2].set_title(f"validation, best {best['value']:.3g} at {best['step']}")
    return figure


def _series(lines, names):
    """Name -> its steps and values."""
    series = {}
    for name in names:
        found = [(line["step"], line[name]) for line in lines if name in line]
        if found:
            series[name] = tuple(zip(*found, strict=True))
    return series
