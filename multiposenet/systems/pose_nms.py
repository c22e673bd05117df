"""Which of a system's poses are of one person: a rule by name, applied to `Poses`."""

import dataclasses

import numpy as np

from multiposenet.maths import suppression
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.poses import Poses


def _check(rule):
    for name, value in dataclasses.asdict(rule).items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name}: {value}; give a number above 0")


@dataclasses.dataclass(frozen=True)
class OKSNMS:
    """OKS-NMS (G-RMI): of poses that are alike by the threshold or more, the best is kept.

    Attributes:
        threshold: an OKS, above 0.
    """

    threshold: float = 0.5

    def __post_init__(self):
        _check(self)


@dataclasses.dataclass(frozen=True)
class SoftOKSNMS:
    """OKS-NMS that lowers the scores of poses that are alike; see `suppression.soft_oks_nms`.

    Attributes:
        width: of its Gaussian, above 0.
        minimum: poses whose score falls below it are left out.
    """

    width: float = 0.5
    minimum: float = 1e-3

    def __post_init__(self):
        _check(self)


Rule = PoseNMSParameters | OKSNMS | SoftOKSNMS | None
"""RMPE's parametric pose NMS, by its parameters; the two by OKS; None, which keeps all poses."""

_NAMED = {"oks": OKSNMS(), "soft-oks": SoftOKSNMS(), "none": None}


def rule(name: str) -> Rule:
    """The rule of `--pose-nms`.

    Args:
        name: ``oks``, ``soft-oks``, ``none``, or a file of `multiposenet learn-pose-nms --out`.

    Raises:
        InputError: the file cannot be read, or a parameter in it is missing or out of its range.
    """
    return _NAMED[name] if name in _NAMED else PoseNMSParameters.load(name)


def distinct(poses: Poses, rule: Rule) -> Poses:
    """One pose of each person by a rule, best first; `SoftOKSNMS` also lowers scores."""
    if rule is None:
        return poses[np.argsort(-poses.scores, kind="stable")]
    given = (poses.keypoints, poses.keypoint_scores, poses.scores, poses.boxes)
    if isinstance(rule, PoseNMSParameters):
        return poses[suppression.pose_nms(*given, rule)]
    sigmas = poses.skeleton.sigmas
    if isinstance(rule, OKSNMS):
        return poses[suppression.oks_nms(*given, sigmas, rule.threshold)]
    kept, scores = suppression.soft_oks_nms(*given, sigmas, rule.width, rule.minimum)
    return dataclasses.replace(poses[kept], scores=scores.astype(np.float32))
