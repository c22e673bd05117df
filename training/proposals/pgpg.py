"""Pose-guided proposals generator (RMPE ICCV, section 3.3).

A detector errs otherwise for every kind of pose. Poses are aligned by their torsos and clustered;
the centres are the atomic poses. The box offsets of the persons of each atomic pose have a Gaussian
mixture of their own, from which boxes are drawn for any person with that pose.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.files.writing import atomic_write
from multiposenet.training.proposals import mixtures, offsets, pose_clusters
from multiposenet.training.proposals.generator import Generator

_TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# A torso seen from its end tells nothing about the size of the person.
_LEAST_TORSO = 0.1  # of the root of the box's area
# In clustering: likeness falls off as a Gaussian of one torso's length, alike for all keypoints.
_AREA, _SIGMA = 1.0, 0.5
_RESTARTS = 2
_FIELDS = fields(mixtures.Mixture)
_TRIES = 20
_HALVINGS = 20


def align(keypoints, boxes, names):
    """Poses with torsos of length 1 whose middle is the origin; they are not turned.

    The torso reaches from the middle of the labelled shoulders to that of the labelled hips.

    Args:
        keypoints: (N, K, 3) x, y, v in pixels.
        boxes: (N, 4) xyxy.
        names: of the K keypoints.

    Returns:
        (N, K, 2) float64, NaN for keypoints without label, and (N,) bool: whether there is a torso,
        which takes a shoulder, a hip, and not to be seen from its end. Poses without are NaN.

    Raises:
        ValueError: the skeleton has no shoulders or hips.
    """
    missing = [name for name in _TORSO if name not in names]
    if missing:
        raise ValueError(f"skeleton: no {missing[0]}; poses are aligned by shoulders and hips")
    keypoints = np.asarray(keypoints, np.float64)
    labelled = keypoints[..., 2:] > 0
    ends = []
    for pair in (_TORSO[:2], _TORSO[2:]):
        rows = [names.index(name) for name in pair]
        count = labelled[:, rows].sum(axis=1)
        total = (keypoints[:, rows, :2] * labelled[:, rows]).sum(axis=1)
        ends.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    length = np.linalg.norm(ends[1] - ends[0], axis=1)
    size = np.sqrt(np.clip(np.asarray(boxes)[:, 2:] - np.asarray(boxes)[:, :2], 0, None).prod(1))
    upright = length > np.maximum(_LEAST_TORSO * size, 1e-9)  # false for NaN
    length = np.where(upright, length, np.nan)[:, None, None]
    middle = ((ends[0] + ends[1]) / 2)[:, None]
    return np.where(labelled, (keypoints[..., :2] - middle) / length, np.nan), upright


@dataclass(frozen=True, eq=False)
class PGPG(Generator):
    """Offsets of detections, given the pose.

    Attributes:
        names: of the K keypoints.
        atoms: (C, K, 2) atomic poses, aligned; NaN for keypoints that nobody there has. C may be 0.
        mixtures: C + 1 ``Mixture`` of offsets: of each atomic pose, and of poses without torso.
        iou: least IoU of the boxes of a pair, and so of a generated box.
    """

    names: tuple[str, ...]
    atoms: np.ndarray
    mixtures: list
    iou: float

    def lookup(self, keypoints, boxes) -> np.ndarray:
        """(N,) number of the mixture of each person: its atomic pose, or C without torso."""
        found = np.full(len(keypoints), len(self.atoms))
        if len(self.atoms):
            poses, upright = align(keypoints, boxes, self.names)
            if upright.any():
                sigmas = np.full(len(self.names), _SIGMA)
                found[upright] = pose_clusters.assign(poses[upright], self.atoms, _AREA, sigmas)
        return found

    def draw(self, keypoints, boxes, rng, count=1, min_iou=None) -> np.ndarray:
        """Offsets for some persons; those without any keypoint are taken for poses without torso.

        What overlaps the true box too little is drawn again a few times, then moved half the way
        to the true box until it does not.

        Args:
            keypoints, boxes, rng, count: as of ``sample``.
            min_iou: least IoU with the true box, before cutting to the photo; default: ``iou``.

        Returns:
            (N, count, 4).
        """
        groups = np.repeat(self.lookup(keypoints, boxes), count)
        least = self.iou if min_iou is None else min_iou
        drawn = np.empty((len(groups), 4))
        again = np.arange(len(groups))
        for _ in range(_TRIES):
            for group in np.unique(groups[again]):
                rows = again[groups[again] == group]
                drawn[rows] = self.mixtures[group].sample(rng, len(rows))
            again = again[_refused(drawn[again], least)]
        for _ in range(_HALVINGS):
            drawn[again] /= 2
            again = again[_refused(drawn[again], least)]
        return drawn.reshape(-1, count, 4)

    def save(self, path) -> None:
        """Writes an ``.npz`` file, which holds arrays only and appears whole or not at all."""
        arrays = {"names": np.array(self.names), "atoms": self.atoms, "iou": np.array(self.iou)}
        for index, mixture in enumerate(self.mixtures):
            for field, values in vars(mixture).items():
                arrays[f"{field}{index}"] = values
        with atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path) -> "PGPG":
        """Reads what ``save`` wrote.

        Raises:
            WeightsError: the file is missing, damaged or something else.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                atoms = file["atoms"]
                fitted = [
                    mixtures.Mixture(*(file[f"{field.name}{index}"] for field in _FIELDS))
                    for index in range(len(atoms) + 1)
                ]
                return cls(tuple(map(str, file["names"])), atoms, fitted, float(file["iou"]))
        except FileNotFoundError as error:
            raise WeightsError(
                f"{path}: file: missing; fit it by `multiposenet train pgpg`"
            ) from error
        except Exception as error:  # depends on what is damaged
            raise WeightsError(
                f"{path}: file: no PGPG or damaged; fit it again by `multiposenet train pgpg`"
            ) from error


def _refused(drawn, least):
    iou = offsets.unit_iou(drawn)
    return (iou <= 0) | (iou < least)


def fit(pairs, names, *, atoms=12, components=4, strength=200.0, seed=0) -> PGPG:
    """Fits a generator.

    Args:
        pairs: ``offsets.Pairs``.
        names: of the keypoints, ``skeleton.keypoints``.
        atoms: atomic poses wanted; as many as there are poses with a torso at most. 0 gives all
            persons the same mixture.
        components: most Gaussians in a mixture; BIC chooses.
        strength: an atomic pose with fewer pairs has a mixture closer to that of all persons than
            to its own.
        seed: of k-means.

    Raises:
        ValueError: the skeleton has no shoulders or hips.
    """
    found = pairs.offsets
    everybody = mixtures.select(found, components)
    groups, centres = np.zeros(len(pairs), int), np.zeros((0, len(names), 2))
    if atoms:
        poses, upright = align(pairs.keypoints, pairs.boxes, names)
        atoms = min(atoms, int(upright.sum()))
        groups[:] = atoms
        if atoms:
            poses, sigmas = poses[upright], np.full(len(names), _SIGMA)
            seen = ~np.isnan(poses).any(axis=-1)
            options = {"seed": seed, "restarts": _RESTARTS}
            clusters = pose_clusters.cluster(poses, seen, _AREA, sigmas, atoms, **options)
            centres, groups[upright] = clusters.centres, clusters.members
    own = [found[groups == group] for group in range(atoms + 1)]
    fitted = [mixtures.fit(samples, everybody, strength)[0] for samples in own]
    return PGPG(tuple(names), centres, fitted, pairs.iou)
