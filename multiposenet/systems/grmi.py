"""G-RMI: boxes, disks and offsets of one person, Hough voting, OKS-NMS (Papandreou et al. 2017).

>>> pose = load_grmi()
>>> people = pose("group.jpg")
>>> people = pose.poses_in("group.jpg", boxes)  # (N, 4) xyxy, of one's own detector
"""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from multiposenet.maths import cropping
from multiposenet.maths.hough import DiskOffsets
from multiposenet.networks.grmi import MARGIN
from multiposenet.runtimes import export_cache, exported
from multiposenet.skeleton import Skeleton
from multiposenet.systems import pose_nms as rules
from multiposenet.systems.grmi_files import DEFAULT, find
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.rmpe import proposer
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.top_down import TopDown

BOX_OVERLAP = 0.6
"""IoU up to which boxes are kept; who was found twice is left to OKS-NMS (G-RMI, OKS-NMS)."""

_POSE_NMS = rules.OKSNMS()


class GRMI(TopDown):
    """A detector, the keypoints in each of its boxes by Hough voting, OKS-NMS.

    Boxes are brought to the network's aspect and enlarged (G-RMI, crops), never squeezed. A pose's
    score is the mean of its keypoints', whatever its box scores (G-RMI, keypoint rescoring).

    Args:
        detector: see `TopDown`. Give an `Estimator` the score 0, or people are lost to its own
            poses.
        network: from crops to the maps of the codec, see `networks.grmi.inference_model`; or the
            `ExportedModel` of a whole keypoint model.
        skeleton: its keypoints.
        codec: of the maps; None for an `ExportedModel`, of which it is part.
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
        codec: DiskOffsets | None,
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
        self.name = name
        self._parts = network, codec
        model = network if codec is None else keypoint_model(network, codec, name="grmi")
        super().__init__(
            detector,
            SinglePersonEstimator(model, skeleton, margin, batch_size),
            score,
            pose_nms=pose_nms,
            rescoring=rescoring,
            box_overlap=box_overlap,
            box_score=box_score,
        )

    # What `multiposenet export` and the cache of exports need to know

    @property
    def model(self):
        """The keypoint model, from crops to keypoints, as it is exported."""
        network, codec = self._parts
        return exportable(network, codec, self.skeleton)

    @property
    def options(self) -> dict:
        """Those by which an exported file is used, and compared with Keras."""
        return {"score": min(self.score, 0.1), "margin": self.persons.margin}

    def canvases(self, photos, size=None) -> Iterator[np.ndarray]:
        """Yields the crops (B, h, w, 3) that the network would see of the people on photos.

        Args:
            photos: list of `Frame`.
            size: of the crops, which have one only; for the interface of `Estimator`.

        Without a detector the whole photo counts as a person's box.
        """
        for frame in photos:
            height, width = frame.image.shape[:2]
            boxes = np.array([[0, 0, width, height]])
            if self.detector is not None:
                ((_, boxes, *_),) = self._detections(frame.image)
            regions = cropping.regions(boxes, self.persons.size, self.persons.margin)
            regions = regions[: self.persons.batch_size]
            if len(regions):
                yield self.persons.crops([frame.image], np.zeros(len(regions), int), regions)


def exportable(network, codec: DiskOffsets, skeleton: Skeleton):
    """The keypoint model of a network whose operations all runtimes have.

    It has the attributes `skeleton` and `image_size` that `runtimes.export` asks for.
    """
    model = keypoint_model(network, dataclasses.replace(codec, scatter=False), name="grmi")
    model.skeleton, model.image_size = skeleton, tuple(network.input_shape[1:3])
    return model


def load_grmi(
    network: str | os.PathLike = DEFAULT,
    detector="multiposenet-nano",
    *,
    runtime: str | None = None,
    image_size: int | None = None,
    box_overlap: float = BOX_OVERLAP,
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
        box_overlap: IoU up to which the detector's boxes are kept.
        trust_saved_model: as for `multiposenet.load`.
        **options: those of `GRMI`. A network of the zoo brings its own defaults in the field
            `options` of its manifest entry.

    Raises:
        WeightsError: a name is unknown or a file is missing, damaged or of another network.
        InputError: the runtime is not installed; or the detector is an exported file whose boxes
            overlap otherwise, which is part of it.
    """
    if isinstance(detector, (str, os.PathLike)):
        own = {} if image_size is None else {"image_size": image_size}
        if trust_saved_model:
            own["trust_saved_model"] = True
        detector = proposer(detector, box_overlap, runtime=runtime, **own)
    options["box_overlap"] = box_overlap
    if exported.format_of(network):
        model = exported.load(network, "auto", trust_saved_model)
        defaults = {key: model.options[key] for key in ("margin",) if key in model.options}
        return GRMI(detector, model, model.skeleton, None, **{**defaults, **options})
    found = find(network)
    options = {**found.options, "name": Path(network).name, **options}

    def in_keras():
        return GRMI(None, found.network(), found.skeleton, found.codec, **options)

    model = export_cache.opened(found.path, found.description, runtime, in_keras)
    codec = None if model else found.codec
    return GRMI(detector, model or found.network(), found.skeleton, codec, **options)
