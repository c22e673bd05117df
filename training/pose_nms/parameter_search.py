"""Learns the four parameters of RMPE's pose NMS for keypoints AP (RMPE, section 3.2.3).

As in the paper two parameters are optimised with the two others fixed, in turn, until nothing is
gained. Each time they are looked for on a grid over their whole ranges. AP is a step function of
the parameters, and of a few hundred photos a rugged one: the best place of a grid is where the mean
of it and its neighbours is highest, not the luckiest cell, and finer grids around it would only fit
chance (``docs/experiments/rmpe.md``).
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter

from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import coco
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.training.pose_nms.candidate_poses import CandidatePoses

# Grids are even in the logarithm.
RANGES = {
    "sigma1": (0.02, 2.0),
    "sigma2": (1e-4, 0.1),
    "distance_weight": (0.05, 20.0),
    "eta": (0.5, 60.0),
}
PAIRS = (("distance_weight", "eta"), ("sigma1", "sigma2"))
OKS_RANGES = {"threshold": (0.02, 1.0)}
OVERLAP_RANGES = {"radius": (0.02, 0.5), "share": (0.02, 1.0)}

_CELLS = 81  # of a grid: 9 x 9 for two parameters
_ROUNDS = 20  # at most; a handful is usual


@dataclass(frozen=True)
class Step:
    """One optimisation of two parameters.

    Attributes:
        names: the two.
        parameters: all four afterwards.
        ap: keypoints AP, 0...1, they reach.
    """

    names: tuple[str, str]
    parameters: PoseNMSParameters
    ap: float


@dataclass(frozen=True)
class Learnt:
    """What was learnt.

    Attributes:
        parameters: the best found.
        ap: keypoints AP, 0...1, that they reach on the candidates they were learnt from.
        history: the steps; the first has no names and is the start.
    """

    parameters: PoseNMSParameters
    ap: float
    history: tuple[Step, ...]


def learn(candidates: CandidatePoses, start: PoseNMSParameters | None = None) -> Learnt:
    """Learns the parameters of `suppression.pose_nms`; the same candidates give the same ones.

    Args:
        candidates: to learn from.
        start: default the ones set by hand. The result is never worse on these candidates.
    """
    best = start or PoseNMSParameters()
    ap = candidates.average_precision(candidates.pose_nms(best))
    history = [Step((), best, ap)]
    for _ in range(_ROUNDS):
        before = ap
        for names in PAIRS:
            best, ap = _improve(candidates, best, ap, names)
            history.append(Step(names, best, ap))
        if ap <= before:
            break
    return Learnt(best, ap, tuple(history))


def _improve(candidates, fixed, ap, names) -> tuple[PoseNMSParameters, float]:
    """The best two parameters with the others fixed, if they gain anything, and their AP."""

    def measure(**values):
        return candidates.average_precision(candidates.pose_nms(replace(fixed, **values)))

    values, found = search(measure, {name: RANGES[name] for name in names})
    return (replace(fixed, **values), found) if found > ap else (fixed, ap)


def search(
    measure, ranges: dict[str, tuple[float, float]], grids: int = 1
) -> tuple[dict[str, float], float]:
    """Looks for the highest AP on a grid over the whole ranges.

    Args:
        measure: gives the AP for values by name.
        ranges: by name, lowest and highest value, above 0.
        grids: each after the first is a finer one over the neighbours of the best cell.

    Returns:
        The values by name, and the AP there.
    """
    low, high = np.log(list(ranges.values())).T
    lowest, highest = low, high
    shape = (round(_CELLS ** (1 / len(ranges))),) * len(ranges)
    for _ in range(grids):
        step = (high - low) / (np.array(shape) - 1)
        places = np.exp(low + step * np.moveaxis(np.indices(shape), 0, -1))
        grid = np.empty(shape)
        for cell in np.ndindex(shape):
            grid[cell] = measure(**dict(zip(ranges, places[cell].tolist(), strict=True)))
        smooth = uniform_filter(grid, size=3, mode="nearest")
        best = np.unravel_index(np.argmax(smooth), shape)
        middle = np.log(places[best])
        low, high = np.maximum(middle - step, lowest), np.minimum(middle + step, highest)
    return dict(zip(ranges, places[best].tolist(), strict=True)), float(grid[best])


def split(
    annotations: CocoAnnotations,
    results: list[dict],
    seed: int = 0,
    path="COCO results",
    kind=CandidatePoses,
) -> tuple[CandidatePoses, CandidatePoses]:
    """Two halves of the photos, drawn at random: to learn from, and held out.

    Args:
        annotations: who is really there.
        results: COCO results as for `CandidatePoses`.
        seed: of the draw.
        path: of the results, for messages.
        kind: `CandidatePoses`, or a class like it with another measure.

    Raises:
        AnnotationError: a result is malformed or of an unknown photo.
        InputError: a half has no pose or nobody to be found.
    """
    table, _, _ = coco.read_results(annotations, results, path)
    ids = table.integers("image_id")
    photos = np.random.default_rng(seed).permutation(len(annotations))
    halves = []
    for rows in np.array_split(photos, 2):
        half = annotations.select(np.sort(rows))
        own = table.select(np.isin(ids, half.image_ids))
        halves.append(kind(half, own.rows, path))
    return tuple(halves)


@dataclass(frozen=True)
class RuleScore:
    """A rule and how good it is.

    Attributes:
        name: "none", "hand-set", "oks", "overlap" or "learnt".
        parameters: of the rule, by name.
        ap: keypoints AP, 0...1, on the candidates learnt from.
        held_out: the same on the others.
    """

    name: str
    parameters: dict[str, float]
    ap: float
    held_out: float


def compare(candidates: CandidatePoses, held_out: CandidatePoses) -> tuple[list[RuleScore], Learnt]:
    """Learns the parameters of every rule from some candidates and measures it on others.

    Returns:
        Rows of no NMS, pose NMS set by hand, OKS-NMS, overlap of keypoints, and learnt pose NMS;
        and how the last was learnt.
    """
    hand, learnt = PoseNMSParameters(), learn(candidates)
    threshold, overlap = (
        _best(candidates, rule, ranges)
        for rule, ranges in (
            (CandidatePoses.oks_nms, OKS_RANGES),
            (CandidatePoses.keypoint_overlap_nms, OVERLAP_RANGES),
        )
    )
    rules = {
        "none": ({}, lambda poses: np.ones(len(poses), bool)),
        "hand-set": (asdict(hand), lambda poses: poses.pose_nms(hand)),
        "oks": (threshold, lambda poses: poses.oks_nms(**threshold)),
        "overlap": (overlap, lambda poses: poses.keypoint_overlap_nms(**overlap)),
        "learnt": (asdict(learnt.parameters), lambda poses: poses.pose_nms(learnt.parameters)),
    }
    rows = [
        RuleScore(
            name,
            values,
            *(poses.average_precision(rule(poses)) for poses in (candidates, held_out)),
        )
        for name, (values, rule) in rules.items()
    ]
    return rows, learnt


@dataclass(frozen=True)
class RuleScores:
    """A rule on many halves of the photos, its parameters learnt from the other half each time.

    Attributes:
        name: of `RuleScore`.
        ap, held_out: means over the halves.
        behind: by how much learnt pose NMS is better on held-out photos, on average.
        spread: standard deviation of the difference. A half varies about all photos by as much as
            all photos about the truth (delete-half jackknife).
    """

    name: str
    ap: float
    held_out: float
    behind: float
    spread: float


def repeat(
    annotations: CocoAnnotations,
    results: list[dict],
    splits: int,
    path="COCO results",
    kind=CandidatePoses,
) -> list[RuleScores]:
    """Compares the rules on random halves of the photos, each half being held out once.

    Args:
        annotations, results, path, kind: as for `split`.
        splits: how often the photos are split in two.
    """
    runs = []
    for seed in range(splits):
        halves = split(annotations, results, seed, path, kind)
        runs += [compare(*halves)[0], compare(*halves[::-1])[0]]
    aps, held_out = (
        np.array([[getattr(row, name) for row in rows] for rows in runs])
        for name in ("ap", "held_out")
    )
    names = [row.name for row in runs[0]]
    behind = held_out[:, [names.index("learnt")]] - held_out
    columns = (aps.mean(axis=0), held_out.mean(axis=0), behind.mean(axis=0), behind.std(axis=0))
    return [
        RuleScores(name, *map(float, values)) for name, *values in zip(names, *columns, strict=True)
    ]


def _best(candidates, rule, ranges) -> dict[str, float]:
    """The best parameters of a rule of `CandidatePoses`."""
    values, _ = search(
        lambda **values: candidates.average_precision(rule(candidates, **values)), ranges
    )
    return values
