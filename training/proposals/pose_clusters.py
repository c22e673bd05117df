"""K-means of poses with object keypoint similarity in place of a distance (MultiPoseNet 3.4).

A centre is the pose that is most similar to its members on average, which is no mean: OKS falls
off as a Gaussian of every keypoint's distance, so the best place of a keypoint is a mode of the
density of the members' keypoints. Mean shift climbs to it, and can never make the objective worse;
neither can giving every pose to its most similar centre. So both steps increase the mean OKS of
poses and their centres until nothing changes.
"""

from dataclasses import dataclass

import numpy as np

from multiposenet.maths.similarity import keypoint_similarity

_BLOCK = 4096  # poses compared with all centres at a time
_SHIFTS = 3  # steps of mean shift between two assignments


@dataclass(frozen=True, eq=False)
class Clusters:
    """C clusters of N poses, the largest first.

    Attributes:
        centres: (C, K, 2) xy in the frame of the poses; a keypoint that no member has is NaN.
        members: (N,) int, cluster of each pose.
        similarity: (N,) OKS of each pose and its centre.
        objective: mean of `similarity`.
    """

    centres: np.ndarray
    members: np.ndarray
    similarity: np.ndarray
    objective: float

    @property
    def shares(self) -> np.ndarray:
        """(C,) share of the poses in each cluster."""
        return np.bincount(self.members, minlength=len(self.centres)) / len(self.members)


def cluster(
    poses: np.ndarray,
    visible: np.ndarray,
    area: float,
    sigmas,
    count: int,
    *,
    seed: int = 0,
    restarts: int = 4,
    iterations: int = 100,
) -> Clusters:
    """Clusters poses that share one frame, such as the unit box.

    Args:
        poses: (N, K, 2) xy.
        visible: (N, K) bool, the keypoints that count; every pose needs one.
        area: of a person in that frame, the scale of OKS.
        sigmas: (K,) of the skeleton.
        count: C, number of clusters, at most N.
        seed: of the first centres.
        restarts: how often to begin anew; the best result is kept.
        iterations: at most, per start.

    Raises:
        ValueError: there are fewer poses than clusters, or one without any keypoint.
    """
    poses, visible = np.asarray(poses, np.float64), np.asarray(visible, bool)
    if not 1 <= count <= len(poses):
        raise ValueError(f"count: {count} clusters of {len(poses)} poses; give 1 to {len(poses)}")
    if not visible.any(axis=1).all():
        raise ValueError("visible: a pose without any keypoint; leave it out")
    poses = np.where(visible[..., None], poses, 0.0)  # what does not count may be NaN
    measure = _Measure(poses, visible, area, np.asarray(sigmas, np.float64))
    rng = np.random.default_rng(seed)
    runs = [_run(measure, _first(measure, count, rng), iterations) for _ in range(restarts)]
    centres, members, similarity = max(runs, key=lambda run: run[2].mean())
    order = np.argsort(-np.bincount(members, minlength=count), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(count)
    return Clusters(centres[order], place[members], similarity, float(similarity.mean()))


def assign(poses: np.ndarray, centres: np.ndarray, area: float, sigmas) -> np.ndarray:
    """(N,) the cluster whose centre each pose is most similar to.

    Args:
        poses: (N, K, 2) xy in the frame of the centres, NaN for keypoints that do not count.
        centres, area, sigmas: of `cluster`.
    """
    poses, centres = np.asarray(poses, np.float64), np.asarray(centres, np.float64)
    visible, counted = (~np.isnan(x).any(axis=-1) for x in (poses, centres))
    measure = _Measure(np.nan_to_num(poses), visible, area, np.asarray(sigmas, np.float64))
    return measure.similarity(np.nan_to_num(centres), counted).argmax(axis=1)


@dataclass(frozen=True, eq=False)
class _Measure:
    poses: np.ndarray
    visible: np.ndarray
    area: float
    sigmas: np.ndarray

    def similarity(self, centres, counted) -> np.ndarray:
        """(N, C) OKS of every pose with every centre; a keypoint that a centre lacks is wrong."""
        blocks = []
        for start in range(0, len(self.poses), _BLOCK):
            rows = slice(start, start + _BLOCK)
            squared = ((self.poses[rows, None] - centres) ** 2).sum(axis=-1)
            squared = np.where(counted, squared, np.inf)
            visible = self.visible[rows, None]
            blocks.append(keypoint_similarity(squared, visible, self.area, self.sigmas))
        return np.concatenate(blocks)

    def shifted(self, centre, counted, rows) -> np.ndarray:
        """One step of mean shift of a centre (K, 2) towards the modes of some poses."""
        poses, visible = self.poses[rows], self.visible[rows] & counted
        squared = ((poses - centre) ** 2).sum(axis=-1)
        width = 2 * self.area * (2 * self.sigmas) ** 2
        weight = visible * np.exp(-squared / width) / self.visible[rows].sum(axis=1)[:, None]
        total = weight.sum(axis=0)[:, None]
        mean = (weight[..., None] * poses).sum(axis=0) / np.maximum(total, 1e-300)
        return np.where(total > 1e-12, mean, centre)


def _first(measure, count, rng):
    """Poses far from each other, as k-means++ has them, with 1 - OKS for the squared distance."""
    chosen = [int(rng.integers(len(measure.poses)))]
    nearest = None
    while len(chosen) < count:
        last = chosen[-1:]
        own = measure.similarity(measure.poses[last], measure.visible[last])[:, 0]
        nearest = own if nearest is None else np.maximum(nearest, own)
        far = np.clip(1 - nearest, 0, None)
        far[chosen] = 0
        chance = far / far.sum() if far.sum() > 0 else None
        if chance is None:  # the rest equal the centres
            chosen.append(next(i for i in range(len(far)) if i not in chosen))
        else:
            chosen.append(int(rng.choice(len(far), p=chance)))
    return measure.poses[chosen].copy(), measure.visible[chosen].copy()


def _run(measure, start, iterations):
    """Both steps in turn; returns centres, members and the similarity of each pose to its own."""
    centres, counted = start
    before = -np.inf
    for _ in range(iterations):
        values = measure.similarity(centres, counted)
        members, objective = values.argmax(axis=1), values.max(axis=1).mean()
        if objective <= before + 1e-9:
            break
        before = objective
        for index in range(len(centres)):
            rows = np.flatnonzero(members == index)
            if len(rows):
                centres[index], counted[index] = _centre(
                    measure, rows, centres[index], counted[index]
                )
    values = measure.similarity(centres, counted)
    centres = np.where(counted[..., None], centres, np.nan)
    return centres, values.argmax(axis=1), values.max(axis=1)


def _centre(measure, rows, centre, counted):
    """A better centre for some poses."""
    poses, visible = measure.poses[rows], measure.visible[rows]
    centre = centre.copy()
    # A keypoint that the centre lacks begins in the middle of those of its members.
    for keypoint in np.flatnonzero(~counted & visible.any(axis=0)):
        centre[keypoint] = np.median(poses[visible[:, keypoint], keypoint], axis=0)
    counted = counted | visible.any(axis=0)
    for _ in range(_SHIFTS):
        centre = measure.shifted(centre, counted, rows)
    return centre, counted
