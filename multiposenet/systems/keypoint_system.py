"""Base of the top-down systems whose network can be exported, and is used as exported."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.maths import cropping
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.runtimes import export_cache, exported
from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import Skeleton
from multiposenet.systems import estimator
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.top_down import TopDown

# What an exported file says of the system that it was exported from.
_KEPT = ("margin", "box_overlap", "pose_nms")


class KeypointSystem(TopDown):
    """A detector, a network that finds one person's keypoints in each box, and a pose NMS.

    Args:
        detector: see `TopDown`. Give an `Estimator` the score 0, or people are lost to its own
            poses.
        network: from crops to the maps of the codec; or the `ExportedModel` of a whole keypoint
            model.
        skeleton: its keypoints.
        codec: of the maps; None for Gaussians of the stride that they have, and for an
            `ExportedModel`, of which it is part.
        margin: by which share boxes are made wider and higher.
        score: people whose pose score is lower are left out.
        batch_size: people in one call of the network at most.
        name: of the network, by which its exports are called.
        **rules: further arguments of `TopDown`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, detector, network, skeleton: Skeleton, codec, *, margin, score, batch_size, name,
        **rules,
    ):  # fmt: skip
        self.name = name
        self._parts = network, codec
        if not isinstance(network, ExportedModel):
            from multiposenet.systems.keypoint_model import keypoint_model

            network = keypoint_model(network, codec)
        persons = SinglePersonEstimator(network, skeleton, margin, batch_size)
        super().__init__(detector, persons, score, **rules)

    # What `multiposenet export` and the cache of exports need to know

    @property
    def model(self):
        """The keypoint model, from crops to keypoints, as it is exported."""
        from multiposenet.systems.keypoint_model import exportable

        return exportable(*self._parts, self.skeleton)

    @property
    def options(self) -> dict:
        """Those by which an exported file is used, and compared with Keras."""
        kept = {"margin": self.persons.margin, "box_overlap": self.box_overlap}
        if isinstance(self.pose_nms, PoseNMSParameters):
            kept["pose_nms"] = dataclasses.asdict(self.pose_nms)
        return {"score": min(self.score, 0.1), **kept}

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


def loaded(
    system,
    files,
    network,
    detector,
    *,
    runtime,
    image_size,
    trust_saved_model,
    box_overlap,
    options,
):
    """A system with its network and its detector by their names.

    Args:
        system: the `KeypointSystem` class.
        files: the `NetworkFile` class that finds its networks.
        network: a name of the zoo, the folder of a run, or a file of `multiposenet export`.
        detector: the name of a model, or a detector as for the system.
        runtime, image_size, trust_saved_model: as for `multiposenet.load`.
        box_overlap: IoU up to which the detector's boxes are kept if neither the network brings one
            nor the options have one; None: the detector's own.
        options: of the system, in place of those that the network brings.

    Raises:
        WeightsError: a name is unknown or a file is missing, damaged or of another network.
        InputError: the runtime is not installed; or the detector is an exported file whose boxes
            overlap otherwise, which is part of it.
    """
    *parts, brought = _found(system, files, network, runtime, trust_saved_model)
    options = {"box_overlap": box_overlap, **brought, **options}
    seen = {"runtime": runtime, "image_size": image_size}
    if trust_saved_model:
        seen["trust_saved_model"] = True
    detector = detector_of(detector, options["box_overlap"], **seen)
    return system(detector, *parts, **options)


def _found(system, files, source, runtime: str | None, trust_saved_model: bool):
    """A trained network by its name, in Keras or as an exported file.

    Args:
        system: the `KeypointSystem` class that it is for.
        files: the `NetworkFile` class that finds it.
        source: a name of the zoo, the folder of a run, or a file of `multiposenet export`.
        runtime: as for `multiposenet.load`; an exported file has its own.
        trust_saved_model: as for `multiposenet.load`.

    Returns:
        Network, skeleton and codec as for the system, and a dict of other arguments of the system
        that the network brings.

    Raises:
        WeightsError: the name is unknown or a file is missing, damaged or of another network.
        InputError: the runtime is not installed.
    """
    if exported.format_of(source):
        model = exported.load(source, "auto", trust_saved_model)
        kept = {name: model.options[name] for name in _KEPT if name in model.options}
        return model, model.skeleton, None, _arguments(kept, source)
    file = files.find(source)
    brought = {"name": Path(source).name, **_arguments(file.options, source)}

    def in_keras():
        arguments = {"margin": file.margin, **brought}
        return system(None, file.network(), file.skeleton, file.codec, **arguments)

    model = export_cache.opened(file.path, file.description, runtime, in_keras)
    if model:
        return model, file.skeleton, None, {"margin": model.options["margin"], **brought}
    return file.network(), file.skeleton, file.codec, {"margin": file.margin, **brought}


def _arguments(options: dict, source) -> dict:
    """Arguments of a system from JSON, in which the parameters of pose NMS are an object."""
    if not isinstance(options.get("pose_nms"), dict):
        return options
    try:
        rule = PoseNMSParameters.from_dict(options["pose_nms"])
    except ValueError as error:
        raise WeightsError(f"{source}: pose_nms: {error}; restore it or name another") from error
    return {**options, "pose_nms": rule}


def detector_of(detector, box_overlap: float | None = None, **options):
    """The detector of a system: itself, or a model by its name.

    Args:
        detector: the name of a model, as for `multiposenet.load`; or a detector as for `TopDown`.
        box_overlap: IoU up to which that model's boxes are kept, in place of the model's own; the
            pose NMS of the system tells who was found twice.
        **options: those of `estimator.load`; what is None is left out.

    Raises:
        WeightsError: the name is unknown or the file is missing, damaged or of another model.
        InputError: it is an exported file of another overlap, which is part of it.
    """
    if not isinstance(detector, (str, os.PathLike)):
        return detector
    options = {name: value for name, value in options.items() if value is not None}
    if box_overlap is not None:
        options["nms_iou"] = box_overlap
    return estimator.load(detector, score=0.0, **options)  # its threshold is of its own poses
