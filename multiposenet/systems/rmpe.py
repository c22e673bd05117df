"""RMPE: proposals of a detector, single-person pose estimation, pose NMS (Fang et al. 2017).

>>> pose = load_rmpe()
>>> people = pose("group.jpg")
>>> people = pose.poses_in("group.jpg", boxes)  # (N, 4) xyxy, of one's own detector
"""

import os

from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.networks.sppe import MARGIN
from multiposenet.skeleton import Skeleton
from multiposenet.systems import estimator
from multiposenet.systems import pose_nms as rules
from multiposenet.systems.estimator import Estimator
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.sppe_files import DEFAULT, load_network
from multiposenet.systems.top_down import TopDown

_POSE_NMS = PoseNMSParameters()


class RMPE(TopDown):
    """Proposals, SPPE, pose NMS: regional multi-person pose estimation (RMPE, figure 3).

    Boxes become proposals, 20 % wider and higher; the single-person pose estimator (SPPE), with
    its spatial transformers, finds the keypoints in each; parametric pose NMS leaves one pose of
    each person. As everywhere, a pose's score is the geometric mean of its box's score and the mean
    of its keypoints' scores.

    Args:
        detector: see `TopDown`. Give an `Estimator` the score 0, or people are lost to its own
            poses.
        network: the SPPE, see `systems.keypoint_model`.
        skeleton: its keypoints.
        pose_nms: what counts as the same person, see `TopDown`.
        rescoring: what a pose scores, see `TopDown`.
        margin: by which share boxes are made wider and higher.
        score: people whose pose score is lower are left out.
        batch_size: people in one call of the network at most.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        detector,
        network,
        skeleton: Skeleton,
        *,
        pose_nms: rules.Rule = _POSE_NMS,
        rescoring: str = "geometric",
        margin: float = MARGIN,
        score: float = 0.3,
        batch_size: int = 32,
    ):
        persons = SinglePersonEstimator(keypoint_model(network), skeleton, margin, batch_size)
        super().__init__(detector, persons, score, pose_nms=pose_nms, rescoring=rescoring)


def load_rmpe(
    sppe: str | os.PathLike = DEFAULT,
    detector="multiposenet-nano",
    *,
    image_size: int | None = None,
    box_overlap: float | None = None,
    trust_saved_model: bool = False,
    **options,
) -> RMPE:
    """Loads RMPE, ready to be called with images.

    Args:
        sppe: a name of the zoo (`multiposenet.zoo.names("sppe")`), or the folder of a run of the
            stages sppe and sstn of `multiposenet train`.
        detector: a model as for `multiposenet.load`, whose boxes are used, and its masks; or a
            detector as for `RMPE`.
        image_size: longer side of an image as that model sees it, in pixels.
        box_overlap: IoU up to which that model's boxes are proposals; by default its own.
        trust_saved_model: of that model, as for `multiposenet.load`.
        **options: those of `RMPE`. An SPPE of the zoo brings its own defaults in the field
            `options` of its manifest entry.

    Raises:
        WeightsError: a name is unknown or a file is missing, damaged or of another network.
        InputError: the detector is an exported file whose boxes overlap otherwise: that is part
            of it.
    """
    network, skeleton, defaults = load_network(sppe)
    if isinstance(defaults.get("pose_nms"), dict):
        defaults["pose_nms"] = PoseNMSParameters.from_dict(defaults["pose_nms"])
    learnt_with = defaults.pop("box_overlap", None)
    overlap = learnt_with if box_overlap is None else box_overlap
    if isinstance(detector, (str, os.PathLike)):
        own = {} if image_size is None else {"image_size": image_size}
        if trust_saved_model:
            own["trust_saved_model"] = True
        detector = proposer(detector, overlap, **own)
    return RMPE(detector, network, skeleton, **{**defaults, **options})


def proposer(name, box_overlap: float | None = None, **options) -> Estimator:
    """Loads a model whose boxes are to be proposals.

    Args:
        name: of the model, as for `multiposenet.load`.
        box_overlap: IoU up to which boxes are kept, in place of the model's own; RMPE leaves it to
            pose NMS to tell who was found twice.
        **options: those of `estimator.load`.

    Raises:
        WeightsError: the name is unknown or the file is missing, damaged or of another model.
        InputError: it is an exported file of another overlap.
    """
    if box_overlap is not None:
        options["nms_iou"] = box_overlap
    return estimator.load(name, score=0.0, **options)  # its threshold is of its own poses
