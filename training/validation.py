"""What a stage has reached on photos it does not learn from, while it trains."""

from pathlib import Path

import keras
import numpy as np

from multiposenet import heatmaps
from multiposenet.estimator import Estimator
from multiposenet.evaluation import evaluate_boxes, evaluate_keypoints
from multiposenet.geometry import letterbox, letterbox_size
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import Max
from multiposenet.sources import read_image

MULTIPLE = 64  # photos share few canvas sizes
CANDIDATES = 32  # peaks per joint, as at inference


class KeypointValidation:
    """Average precision of the keypoint maps with true boxes, each joint by the highest peak.

    Neither the person subnet nor the PRN is trained yet, so that this measures the maps alone.

    Args:
        model: the ``MultiPoseNet`` in training.
        annotations: ``CocoAnnotations`` of the model's skeleton.
        images: folder of the photos.
        image_size: longer side in pixels at which the network sees them.
    """

    def __init__(self, model, annotations, images, image_size=480):
        self.model, self.annotations = model, annotations
        self.images, self.image_size = Path(images), image_size
        self.assigner = Max()

    def __call__(self):
        """``{"keypoints/AP": ..., "keypoints/AP50": ...}``."""
        results = []
        for record in self.annotations.images:
            if len(record.boxes):
                results += self._results(record)
        figures = evaluate_keypoints(self.annotations, results)
        return {name: figures[name] for name in ("keypoints/AP", "keypoints/AP50")}

    def _results(self, record):
        image = read_image(self.images / record.file_name)
        size = letterbox_size(image.shape[:2], self.image_size, MULTIPLE)
        canvas, move = letterbox(image, size, self.image_size)
        maps = self._maps(canvas[None].astype(np.float32))
        points, scores = heatmaps.decode(maps[..., :-1], CANDIDATES)
        boxes = move.boxes(record.boxes).astype(np.float32)[None]
        keypoints, found = grouping.group(self.assigner, boxes, points, scores)
        keypoints = move.inverse()(keras.ops.convert_to_numpy(keypoints)[0])
        found = keras.ops.convert_to_numpy(found)[0]
        return [
            {
                "image_id": record.id,
                "category_id": self.annotations.category_id,
                "keypoints": np.column_stack([places, scores]).ravel().tolist(),
                "score": float(scores.mean()),
            }
            for places, scores in zip(keypoints, found, strict=True)
        ]

    def _maps(self, images):
        model = self.model
        maps = model.keypoint_maps(model.backbone(images, training=False), training=False)["maps"]
        sigmoid = model.architecture.sigmoid
        return keras.ops.sigmoid(maps) if sigmoid else keras.ops.clip(maps, 0.0, 1.0)


class PersonValidation:
    """Average precision of the person boxes.

    Args: as ``KeypointValidation``.
    """

    def __init__(self, model, annotations, images, image_size=480):
        self.annotations, self.images = annotations, Path(images)
        self.estimator = Estimator(model, image_size=image_size, score=0.0)

    def __call__(self):
        """``{"boxes/AP": ..., "boxes/AP50": ...}``."""
        results = []
        for record in self.annotations.images:
            poses = self.estimator(self.images / record.file_name)
            results += poses.to_coco(record.id, self.annotations.category_id)
        figures = evaluate_boxes(self.annotations, results)
        return {name: figures[name] for name in ("boxes/AP", "boxes/AP50")}


class AssignmentValidation:
    """Average precision of true keypoints given to true boxes by the PRN.

    Args:
        prn: the assigner in training.
        annotations: ``CocoAnnotations`` of its skeleton.
    """

    def __init__(self, prn, annotations):
        self.prn, self.annotations = prn, annotations

    def __call__(self):
        """``{"assignment/AP": ..., "assignment/AP50": ...}``."""
        from multiposenet.training import assignment

        figures = assignment.evaluate(self.prn, self.annotations)
        return {f"assignment/{name}": figures[f"keypoints/{name}"] for name in ("AP", "AP50")}
