"""What a model gets wrong: persons by size, and keypoints by kind of error."""

import numpy as np
from matplotlib.figure import Figure

from multiposenet import plotting
from multiposenet.evaluation.errors import KEYPOINTS, PERSONS, SIZES, Diagnosis
from multiposenet.skeleton import Skeleton

_COLOURS = {
    "good": plotting.GREEN,
    "jitter": plotting.SKY,
    "inversion": plotting.PURPLE,
    "swap": plotting.ORANGE,
    "miss": plotting.RED,
    "found": plotting.GREEN,
    "missed": plotting.RED,
    "ghost": plotting.PURPLE,
    "duplicate": plotting.ORANGE,
}


def draw(found: Diagnosis, skeleton: Skeleton) -> Figure:
    """Three panels: persons by size, keypoints by size and by name (left and right together)."""
    names, groups = _groups(skeleton)
    by_name = np.stack([found.keypoints.sum(axis=0)[group].sum(axis=0) for group in groups])
    with plotting.look():
        figure, axes = plotting.panels(1, 3, size=(3.2, 3.0))
        persons, by_size, by_keypoint = axes[0]
        _bars(persons, found.persons, SIZES, PERSONS)
        persons.set(title="Persons", xlabel="persons and detections")
        _bars(by_size, _shares(found.keypoints.sum(axis=1)), SIZES, KEYPOINTS)
        by_size.set(title="Keypoints of persons found", xlabel="share of labelled keypoints")
        _bars(by_keypoint, _shares(by_name), names, KEYPOINTS, legend=False)
        by_keypoint.set(title="by keypoint", xlabel="share of labelled keypoints")
    return figure


def _bars(axis, counts, rows, kinds, legend=True) -> None:
    start, places = np.zeros(len(rows)), np.arange(len(rows))
    for kind, column in zip(kinds, counts.T, strict=True):
        axis.barh(places, column, left=start, color=_COLOURS[kind], label=kind, height=0.7)
        start = start + column
    axis.set_yticks(places, rows)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    if legend:
        axis.legend(
            ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.25), fontsize=8, handlelength=1
        )


def _shares(counts):
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _groups(skeleton):
    """Names without their side, and the keypoints of each."""
    groups = {}
    for index, name in enumerate(skeleton.keypoints):
        groups.setdefault(name.removeprefix("left_").removeprefix("right_"), []).append(index)
    return list(groups), list(groups.values())
