"""What the keypoint stage reaches: AP of its maps, each person's box being given."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from multiposenet.evaluation import evaluate_keypoints
from multiposenet.evaluation.pck import torso_pck
from multiposenet.maths.geometry import letterbox, letterbox_size
from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import Max
from multiposenet.sources import read_image
from multiposenet.systems.compilation import compiled

MULTIPLE = 64  # photos share few canvas sizes
CANDIDATES = 32  # peaks per keypoint, as at inference


def map_function(model):
    """The keypoint maps of a ``MultiPoseNet``, with the weights that it has when called.

    Returns:
        A function from images ``(B, H, W, 3)`` to ``(B, H/4, W/4, K + 1)``.
    """
    maps = model.final_maps(model.features(model.backbone.input))
    predict = compiled(keras.Model(model.backbone.input, {"maps": maps}))
    return lambda images: predict(images)["maps"]


class KeypointValidation:
    """Average precision of the keypoint maps with true boxes, each keypoint by the highest peak.

    Neither the person subnet nor the PRN is trained yet, so that this measures the maps alone.

    Args:
        maps: as of ``map_function``.
        annotations: ``CocoAnnotations`` of the model's skeleton.
        images: folder of the photos.
        image_size: longer side in pixels at which the network sees them.
    """

    def __init__(self, maps, annotations, images, image_size=480):
        self.maps, self.annotations = maps, annotations
        self.images, self.image_size = Path(images), image_size
        self.assigner = Max()

    def __call__(self):
        """``{"keypoints/AP": ..., "keypoints/AP50": ...}``."""
        figures = self.figures()
        return {name: figures[name] for name in ("keypoints/AP", "keypoints/AP50")}

    def figures(self):
        """The dict of ``evaluation.evaluate_keypoints``, and ``keypoints/PCK``.

        That is PCK@0.2 of the same keypoints, in units of torsos; NaN where nobody's is labelled.
        It tells apart what AP does not yet: networks that have hardly begun to learn.
        """
        records = [record for record in self.annotations.images if len(record.boxes)]
        results = [result for record in records for result in self._results(record)]
        figures = evaluate_keypoints(self.annotations, results)
        return {**figures, "keypoints/PCK": self._pck(records, results)}

    def _pck(self, records, results):
        skeleton = self.annotations.skeleton
        none = np.zeros((0, skeleton.num_keypoints, 3))
        labels = np.concatenate([none, *(record.keypoints for record in records)])
        found = np.reshape([result["keypoints"] for result in results], labels.shape)
        return torso_pck(found[..., :2], labels, skeleton)[1]

    def _results(self, record):
        image = read_image(self.images / record.file_name)
        size = letterbox_size(image.shape[:2], self.image_size, MULTIPLE)
        canvas, move = letterbox(image, size, self.image_size)
        maps = self.maps(canvas[None].astype(np.float32))
        points, scores = GaussianHeatmaps().decode({"heatmaps": maps[..., :-1]}, CANDIDATES)
        boxes = move.boxes(record.boxes).astype(np.float32)[None]
        keypoints, found = grouping.group(self.assigner, boxes, points, scores)
        keypoints = move.inverse()(ops.convert_to_numpy(keypoints)[0])
        found = ops.convert_to_numpy(found)[0]
        return [
            {
                "image_id": record.id,
                "category_id": self.annotations.category_id,
                "keypoints": np.column_stack([places, scores]).ravel().tolist(),
                "score": float(scores.mean()),
            }
            for places, scores in zip(keypoints, found, strict=True)
        ]
