"""What a model finds on photos before anything is grouped."""

from dataclasses import dataclass

import keras
import numpy as np

from multiposenet import overlapped
from multiposenet.annotations import ImageRecord
from multiposenet.systems.compilation import compiled

_BATCH = 32  # photos that are in memory at once


@dataclass(frozen=True, eq=False)
class Detections:
    """People and candidates of keypoints of one photo, in its pixels.

    Attributes:
        record: its labels.
        boxes: (N, 4) xyxy.
        box_scores: (N,).
        points: (K, P, 2) xy.
        point_scores: (K, P); 0 marks an unused candidate.
    """

    record: ImageRecord
    boxes: np.ndarray
    box_scores: np.ndarray
    points: np.ndarray
    point_scores: np.ndarray


def of_model(pose, records, frames) -> list[Detections]:
    """What a model finds.

    Args:
        pose: an ``Estimator`` of a ``MultiPoseNet`` in Keras.
        records: labels of the photos.
        frames: iterator of the photos.
    """
    detect = compiled(_Detector(pose.model))
    found = []
    frames = overlapped.ahead(frames)
    for start in range(0, len(records), _BATCH):
        labels = records[start : start + _BATCH]
        window = [next(frames) for _ in labels]
        of_window = [None] * len(labels)
        for batch, canvases, affines in pose.letterboxed(window):
            outputs = detect(canvases)
            for row, index in enumerate(batch):
                own = {name: values[row] for name, values in outputs.items()}
                of_window[index] = _detections(labels[index], own, affines[row].inverse())
        found += of_window
    return found


def of_labels(record) -> Detections:
    """The labelled people of a photo but crowds, and their keypoints in a random order."""
    people = ~record.crowd
    boxes, keypoints = record.boxes[people], record.keypoints[people]
    # Where an assigner is undecided, the order must not give the owner away.
    rng = np.random.default_rng(record.id % 2**32)
    mixed = rng.permuted(np.arange(len(boxes))[None].repeat(keypoints.shape[1], 0), axis=1)
    mixed = keypoints[mixed, np.arange(keypoints.shape[1])[:, None]]
    return Detections(
        record,
        boxes.astype(np.float32),
        np.ones(len(boxes), np.float32),
        mixed[..., :2].astype(np.float32),
        (mixed[..., 2] > 0).astype(np.float32),
    )


def _detections(record, found, back) -> Detections:
    people = found["box_scores"] > 0  # the model has a fixed number of rows
    return Detections(
        record,
        back.boxes(found["boxes"][people]),
        found["box_scores"][people],
        back(found["points"]),
        found["point_scores"],
    )


class _Detector(keras.Model):
    """``MultiPoseNet.detect`` as a call."""

    def __init__(self, model):
        super().__init__(name="detector")
        self.model, self.options = model, model.options

    def call(self, images):
        found = self.model.detect(images)
        return {name: found[name] for name in ("boxes", "box_scores", "points", "point_scores")}
