"""Keeps one pose of each person: pose NMS of RMPE, OKS-NMS, and overlap of keypoints. NumPy.

Every rule is greedy: the pose of the highest score is kept, the poses that are too similar to it
are eliminated, and so on with what is left. Poses of equal score go in the order in which they are
given. What is similar depends on the size of the kept person, never on the resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.files import bounded_files
from multiposenet.maths.overlap import pairwise_iou
from multiposenet.maths.similarity import (
    confidences,
    found_only,
    keypoint_overlap,
    pose_oks,
    pose_similarity,
    squared_offsets,
)

# So many of the best poses are compared with all others at a time: enough that the comparisons and
# not the calls take the time, and few enough for the processor's cache.
_BLOCK = 8


_MAX_BYTES = 1 << 16  # of a file of parameters


@dataclass(frozen=True)
class PoseNMSParameters:
    """The four parameters of RMPE's elimination criterion; the defaults are set by hand.

    Attributes:
        sigma1: keypoint score by which a keypoint is rather confident, above 0.
        sigma2: squared distance, in sizes of the person, at which a keypoint counts 1 / e; above 0.
        distance_weight: lambda, what the distances count against the matching keypoints, from 0.
        eta: similarity from which a pose is eliminated, above 0.

    Raises:
        ValueError: a value is out of its range or not finite.
    """

    sigma1: float = 0.3
    sigma2: float = 0.01
    distance_weight: float = 1.0
    eta: float = 10.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
                raise ValueError(f"{field.name}: {value!r} is not a number; give one")
            least = "from 0 on" if field.name == "distance_weight" else "above 0"
            if (
                not np.isfinite(value)
                or value < 0
                or (value == 0 and field.name != "distance_weight")
            ):
                raise ValueError(f"{field.name}: {value}; give a number {least}")
            object.__setattr__(self, field.name, float(value))

    @classmethod
    def from_dict(cls, content: dict) -> "PoseNMSParameters":
        """The parameters by name; ``lam``, a former name of ``distance_weight``, is known, too.

        Raises:
            ValueError: a parameter is missing, unknown or out of its range.
        """
        names = [field.name for field in fields(cls)]
        found = {"distance_weight" if name == "lam" else name: content[name] for name in content}
        if set(found) != set(names) or len(found) != len(content):
            raise ValueError(f"parameters: not {', '.join(names)}")
        return cls(**found)

    @classmethod
    def load(cls, path: str | Path) -> "PoseNMSParameters":
        """Reads what `multiposenet learn-pose-nms --out` wrote.

        Raises:
            InputError: the file cannot be read, or a parameter is missing or out of its range.
        """
        remedy = "give the file that learn-pose-nms --out wrote"
        try:
            content = bounded_files.read_json(path, _MAX_BYTES)
        except bounded_files.Unreadable as error:
            raise InputError(f"{path}: file: {error.problem}; {remedy}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: file: not an object of parameters; {remedy}")
        try:
            return cls.from_dict(content)
        except ValueError as error:
            raise InputError(f"{path}: {error}; {remedy}") from error


def pose_nms(
    keypoints: np.ndarray,
    keypoint_scores: np.ndarray,
    scores: np.ndarray,
    boxes: np.ndarray,
    parameters: PoseNMSParameters | None = None,
) -> np.ndarray:
    """Parametric pose NMS (RMPE, section 3.2.3, equation 9).

    The equation says that a pose is eliminated when d <= eta, but d, of equation 12, grows with the
    similarity: here it is eliminated when d >= eta.

    Args:
        keypoints: (N, K, 2) xy in pixels.
        keypoint_scores: (N, K); keypoints of score 0 or less do not count.
        scores: (N,) of the poses.
        boxes: (N, 4) xyxy; the longer side of a box is the size of its person.
        parameters: default `PoseNMSParameters()`.

    Returns:
        (n,) int64, the poses to keep, best first.

    Raises:
        ValueError: the shapes do not fit together, or a number is not finite; likewise for all
            rules.
    """
    chosen = parameters or PoseNMSParameters()
    people = _People(keypoints, keypoint_scores, scores, boxes)
    confident = _by_keypoint(confidences(people.keypoint_scores, chosen.sigma1))

    def similarity(best, rest):
        return pose_similarity(
            _some(people.keypoints, best)[:, None],
            people.sizes[best, None],
            _some(confident, best)[:, None],
            _some(people.keypoints, rest),
            _some(confident, rest),
            chosen.sigma2,
            chosen.distance_weight,
        )

    return _greedy(people.scores, similarity, chosen.eta)


def oks_nms(keypoints, keypoint_scores, scores, boxes, sigmas, threshold: float = 0.5):
    """OKS-NMS (G-RMI, OKS-NMS): box NMS with OKS in place of the overlap.

    Args:
        keypoints, keypoint_scores, scores, boxes: as for `pose_nms`; the area of a box is the
            area of its person.
        sigmas: (K,) as in `Skeleton.sigmas`.
        threshold: OKS from which a pose is eliminated, above 0.

    Returns:
        (n,) int64, the poses to keep, best first.
    """
    _check_positive("threshold", threshold)
    people = _People(keypoints, keypoint_scores, scores, boxes)
    return _greedy(people.scores, _oks(people, sigmas), threshold)


def oks_groups(keypoints, keypoint_scores, scores, boxes, sigmas, threshold: float = 0.5):
    """The poses that `oks_nms` keeps, and who eliminates the others.

    Args: as for `oks_nms`.

    Returns:
        (n,) int64, the poses to keep, best first; and (N,) int64, for each pose which of these it
        goes with, the best of those alike.
    """
    kept = oks_nms(keypoints, keypoint_scores, scores, boxes, sigmas, threshold)
    people = _People(keypoints, keypoint_scores, scores, boxes)
    everyone = np.arange(len(people.scores))
    if not len(kept):
        return kept, everyone
    alike = _oks(people, sigmas)(kept, everyone) >= threshold
    alike[np.arange(len(kept)), kept] = True
    return kept, alike.argmax(axis=0)


def soft_oks_nms(
    keypoints, keypoint_scores, scores, boxes, sigmas, width: float = 0.5, minimum: float = 1e-3
):
    """OKS-NMS that lowers scores instead of eliminating (Soft-NMS, Gaussian form, with OKS).

    Each time a pose is kept, the scores of all others are multiplied by exp(-OKS^2 / width), and
    the best of them is next.

    Args:
        keypoints, keypoint_scores, scores, boxes, sigmas: as for `oks_nms`; scores from 0.
        width: of the Gaussian, above 0.
        minimum: poses whose score falls below it are eliminated.

    Returns:
        (n,) int64, the poses to keep, best first, and their (n,) float64 lowered scores.
    """
    _check_positive("width", width)
    people = _People(keypoints, keypoint_scores, scores, boxes)
    if (people.scores < 0).any():
        raise ValueError("scores: below 0; give scores from 0, which can be lowered")
    scores, everyone = people.scores.copy(), np.arange(len(people.scores))
    blocks = [everyone[start : start + _BLOCK] for start in everyone[::_BLOCK]]
    similarity = _oks(people, sigmas)
    similar = [row for block in blocks for row in similarity(block, everyone)]
    rest = np.flatnonzero(scores >= minimum)
    kept = []
    while len(rest):
        place = np.argmax(scores[rest])  # the first of equal ones
        best, rest = rest[place], np.delete(rest, place)
        kept.append(best)
        scores[rest] *= np.exp(-(similar[best][rest] ** 2) / width)
        rest = rest[scores[rest] >= minimum]
    kept = np.array(kept, np.int64)
    return kept, scores[kept]


def box_nms(boxes, scores, threshold: float = 0.6):
    """NMS of boxes: those that overlap a better one by an IoU above the threshold go.

    Args:
        boxes: (N, 4) xyxy of positive sides.
        scores: (N,).
        threshold: an IoU, from 0 to 1.

    Returns:
        (n,) int64, the boxes to keep, best first.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)

    def similarity(best, rest):
        return pairwise_iou(boxes[best], boxes[rest])

    return _greedy(np.asarray(scores, np.float64), similarity, np.nextafter(threshold, 2))


def keypoint_overlap_nms(
    keypoints, keypoint_scores, scores, boxes, radius: float = 0.1, share: float = 0.5
):
    """A rule without confidences, set by hand, in the manner of earlier pose NMS (Chen and Yuille
    2015, the other pose NMS of RMPE, table 5): poses that share keypoints are one.

    Args:
        keypoints, keypoint_scores, scores, boxes: as for `pose_nms`.
        radius: up to which distance keypoints are shared, in sizes of the person, above 0.
        share: share of the common keypoints from which a pose is eliminated, above 0.

    Returns:
        (n,) int64, the poses to keep, best first.
    """
    _check_positive("radius", radius)
    _check_positive("share", share)
    people = _People(keypoints, keypoint_scores, scores, boxes)

    def similarity(best, rest):
        poses = _some(people.keypoints, best)[:, None]
        others = _some(people.keypoints, rest)
        dx2, dy2 = squared_offsets(poses, people.sizes[best, None], others)
        return keypoint_overlap(dx2 + dy2, radius)

    return _greedy(people.scores, similarity, share)


def _oks(people: "_People", sigmas) -> Callable:
    """The similarity of `_greedy` for OKS."""
    sigmas = np.asarray(sigmas, np.float32)
    if sigmas.shape != people.keypoints.shape[1:2] or not (sigmas > 0).all():
        raise ValueError(f"sigmas: shape {sigmas.shape}; give a positive number for each keypoint")

    def similarity(best, rest):
        poses = _some(people.keypoints, best)[:, None]
        return pose_oks(poses, people.areas[best, None], _some(people.keypoints, rest), sigmas)

    return similarity


def _greedy(scores: np.ndarray, similarity: Callable, threshold: float) -> np.ndarray:
    """Keeps the best pose, eliminates those similar to it by the threshold or more, and so on.

    `similarity(best, rest)` gives (b, m) values of b and m poses named by their numbers.
    """
    rest = np.argsort(-scores, kind="stable")
    kept = [rest[:0]]
    while len(rest):
        best = rest[:_BLOCK]
        close = similarity(best, rest) >= threshold
        left = []  # places in the block; lists, since arrays of so few cost more
        for place, similar in enumerate(close[:, : len(best)].T.tolist()):
            if not any(similar[other] for other in left):
                left.append(place)
        kept.append(best[left])
        rest = rest[len(best) :][~close[left, len(best) :].any(axis=0)]
    return np.concatenate(kept)


class _People:
    """N checked poses as the rules need them; keypoints laid out by `_by_keypoint`."""

    def __init__(self, keypoints, keypoint_scores, scores, boxes):
        keypoints = np.asarray(keypoints, np.float64)
        if keypoints.ndim != 3 or keypoints.shape[-1] != 2:
            raise ValueError(f"keypoints: shape {keypoints.shape}; give (N, K, 2)")
        count, num_keypoints, _ = keypoints.shape
        arrays = {"keypoints": keypoints}
        wanted = {
            "keypoint_scores": (count, num_keypoints),
            "scores": (count,),
            "boxes": (count, 4),
        }
        given = (keypoint_scores, scores, boxes)
        for (name, shape), array in zip(wanted.items(), given, strict=True):
            arrays[name] = np.asarray(array, np.float64)
            if arrays[name].shape != shape:
                raise ValueError(f"{name}: shape {arrays[name].shape}; give {shape}")
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name}: NaN or infinity; leave such poses out")
        _, self.keypoint_scores, self.scores, boxes = arrays.values()
        sides = boxes[:, 2:] - boxes[:, :2]
        if (sides < 0).any():
            raise ValueError("boxes: negative width or height; give xyxy")
        self.sizes = np.float32(sides.max(axis=-1))
        self.areas = np.float32(sides.prod(axis=-1))
        # Seen from among the people, float32 is exact enough.
        found = found_only(keypoints - boxes[:1, None, :2], self.keypoint_scores)
        self.keypoints = _by_keypoint(found)


def _by_keypoint(array: np.ndarray) -> np.ndarray:
    """(N, K, ...) float32 laid out as (..., K, N): sums over keypoints run along rows of people."""
    return np.ascontiguousarray(array.T, np.float32)


def _some(by_keypoint: np.ndarray, people: np.ndarray) -> np.ndarray:
    """(n, K, ...) rows of some people, still laid out as `_by_keypoint`."""
    return np.take(by_keypoint, people, axis=-1).T


def _check_positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: {value}; give a number above 0")
