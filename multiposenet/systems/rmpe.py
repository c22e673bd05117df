"""RMPE: proposals of a detector, single-person pose estimation, pose NMS (Fang et al. 2017).

>>> pose = load_rmpe()
>>> people = pose("group.jpg")
>>> people = pose.poses_in("group.jpg", boxes)  # (N, 4) xyxy, of one's own detector
"""

import os

from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.skeleton import Skeleton
from multiposenet.systems import pose_nms as rules
from multiposenet.systems.keypoint_system import KeypointSystem, loaded
from multiposenet.systems.sppe_files import DEFAULT, SPPEFile

_POSE_NMS = PoseNMSParameters()


class RMPE(KeypointSystem):
    """Proposals, SPPE, pose NMS: regional multi-person pose estimation (RMPE, figure 3).

    Boxes become proposals, 20 % wider and higher; the single-person pose estimator (SPPE), with
    its spatial transformers, finds the keypoints in each; parametric pose NMS leaves one pose of
    each person. As everywhere, a pose's score is the geometric mean of its box's score and the mean
    of its keypoints' scores.

    Args:
        detector: see `KeypointSystem`.
        network: the SPPE, see `systems.keypoint_model`; or the `ExportedModel` of one.
        skeleton: its keypoints.
        codec: of its maps, see `KeypointSystem`.
        pose_nms, rescoring, box_overlap, box_score: see `TopDown`.
        margin: by which share boxes are made wider and higher.
        score: people whose pose score is lower are left out.
        batch_size: people in one call of the network at most.
        name: of the network, by which its exports are called.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        detector,
        network,
        skeleton: Skeleton,
        codec=None,
        *,
        margin: float = MARGIN,
        score: float = 0.3,
        batch_size: int = 32,
        name: str = "rmpe",
        pose_nms: rules.Rule = _POSE_NMS,
        **rest,
    ):
        sizes = {"margin": margin, "score": score, "batch_size": batch_size, "name": name}
        super().__init__(detector, network, skeleton, codec, pose_nms=pose_nms, **sizes, **rest)


def load_rmpe(
    sppe: str | os.PathLike = DEFAULT,
    detector="multiposenet-nano",
    *,
    runtime: str | None = None,
    image_size: int | None = None,
    trust_saved_model: bool = False,
    **options,
) -> RMPE:
    """Loads RMPE, ready to be called with images.

    Args:
        sppe: a name of the zoo (`multiposenet.zoo.names("sppe")`), the folder of a run of the
            stages sppe and sstn of `multiposenet train`, or a file of `multiposenet export
            --system rmpe`.
        detector: a model as for `multiposenet.load`, whose boxes are used, and its masks; or a
            detector as for `RMPE`.
        runtime: what runs both, as for `multiposenet.load`; an exported file has its own.
        image_size: longer side of an image as the detector sees it, in pixels.
        trust_saved_model: as for `multiposenet.load`.
        **options: those of `RMPE`. An SPPE of the zoo brings its own defaults in the field
            `options` of its manifest entry, among them the `box_overlap` that its pose NMS was
            learnt with.

    Raises:
        WeightsError: a name is unknown or a file is missing, damaged or of another network.
        InputError: the runtime is not installed; or the detector is an exported file whose boxes
            overlap otherwise, which is part of it.
    """
    return loaded(
        RMPE,
        SPPEFile,
        sppe,
        detector,
        runtime=runtime,
        image_size=image_size,
        trust_saved_model=trust_saved_model,
        box_overlap=None,
        options=options,
    )
