"""Frames per second against the number of people, beside the paper's (MultiPoseNet, figure 8)."""

import os

import numpy as np

# MultiPoseNet, figure 8: ResNet-50 at 384 x 576 on a GTX 1080 Ti: 35 ms and 2 ms per person. (The
# text says 27 to 15 frames per second; these make 13 at twenty.)
PAPER_MS = 35.0, 2.0


def paper_fps(people) -> np.ndarray:
    """The paper's frames per second for numbers of people, 27 at one and 13 at twenty."""
    constant, each = PAPER_MS
    return 1000 / (constant + each * np.asarray(people))


def save(rows: list[dict], model: str, path: str | os.PathLike) -> None:
    """Draws the rows of `multiposenet bench`.

    Left the frames per second themselves, of different machines; right the same relative to one
    person, or to the smallest number measured, where machines can be compared.

    Args:
        rows: with `runtime`, `batch`, `people` and `fps`.
        model: its name, for the legend.
        path: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    absolute, relative = figure.subplots(1, 2)
    people = sorted({row["people"] for row in rows})
    paper = paper_fps(people)
    curves = {"paper, ResNet-50 on a GPU": paper}
    for runtime, batch in dict.fromkeys((row["runtime"], row["batch"]) for row in rows):
        name = f"{model}, {runtime}" + (f", batches of {batch}" if batch > 1 else "")
        chosen = {
            row["people"]: row["fps"]
            for row in rows
            if (row["runtime"], row["batch"]) == (runtime, batch)
        }
        curves[name] = np.array([chosen[count] for count in people])
    for index, (name, values) in enumerate(curves.items()):
        style = {"color": "0.4", "linestyle": "--"} if index == 0 else {"marker": "o"}
        absolute.plot(people, values, label=name, markersize=4, **style)
        relative.plot(people, values / values[0], markersize=4, **style)
    for axes, label in ((absolute, "frames per second"), (relative, "relative to the first")):
        axes.set_xlabel("people")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    absolute.legend(fontsize=8)
    figure.savefig(path, dpi=120)
