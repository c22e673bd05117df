"""G-RMI: boxes, disks and offsets of one person, Hough voting, OKS-NMS (Papandreou et al. 2017).

>>> pose = load_grmi()
>>> people = pose("group.jpg")
>>> people = pose.poses_in("group.jpg", boxes)  # (N, 4) xyxy, of one's own detector
"""

import os

from multiposenet.networks.crop_margins import GRMI as MARGIN
from multiposenet.skeleton import Skeleton
from multiposenet.systems import pose_nms as rules
from multiposenet.systems.grmi_files import DEFAULT, GRMIFile
from multiposenet.systems.keypoint_system import KeypointSystem, loaded

BOX_OVERLAP = 0.6
"""IoU up to which boxes are kept; who was found twice is left to OKS-NMS (G-RMI, OKS-NMS)."""

_POSE_NMS = rules.OKSNMS()


class GRMI(KeypointSystem):
    """A detector, the keypoints in each of its boxes by Hough voting, OKS-NMS.

    Boxes are brought to the network's aspect and enlarged (G-RMI, crops), never squeezed. A pose's
    score is the mean of its keypoints', whatever its box scores (G-RMI, keypoint rescoring).

    Args:
        detector: see `KeypointSystem`.
        network: from crops to the maps of the codec, see `networks.grmi.inference_model`; or the
            `ExportedModel` of a whole keypoint model.
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
        codec,
        *,
        pose_nms: rules.Rule = _POSE_NMS,
        rescoring: str = "keypoints",
        box_overlap: float | None = BOX_OVERLAP,
        box_score: float = 0.1,
        margin: float = MARGIN,
        score: float = 0.3,
        batch_size: int = 8,
        name: str = "grmi",
    ):
        super().__init__(
            detector,
            network,
            skeleton,
            codec,
            margin=margin,
            score=score,
            batch_size=batch_size,
            name=name,
            pose_nms=pose_nms,
            rescoring=rescoring,
            box_overlap=box_overlap,
            box_score=box_score,
        )


def load_grmi(
    network: str | os.PathLike = DEFAULT,
    detector="multiposenet-nano",
    *,
    runtime: str | None = None,
    image_size: int | None = None,
    trust_saved_model: bool = False,
    **options,
) -> GRMI:
    """Loads G-RMI, ready to be called with images.

    Args:
        network: a name of the zoo (`multiposenet.zoo.names("grmi")`), the folder of a run of the
            stage grmi of `multiposenet train`, or a file of `multiposenet export --system grmi`.
        detector: a model as for `multiposenet.load`, whose boxes are used, and its masks; or a
            detector as for `GRMI`.
        runtime: what runs both, as for `multiposenet.load`; an exported file has its own.
        image_size: longer side of an image as the detector sees it, in pixels.
        trust_saved_model: as for `multiposenet.load`.
        **options: those of `GRMI`. A network of the zoo brings its own defaults in the field
            `options` of its manifest entry.

    Raises:
        WeightsError: a name is unknown or a file is missing, damaged or of another network.
        InputError: the runtime is not installed; or the detector is an exported file whose boxes
            overlap otherwise, which is part of it.
    """
    return loaded(
        GRMI,
        GRMIFile,
        network,
        detector,
        runtime=runtime,
        image_size=image_size,
        trust_saved_model=trust_saved_model,
        box_overlap=BOX_OVERLAP,
        options=options,
    )
