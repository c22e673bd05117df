"""What the person stage reaches: AP of its boxes."""

from pathlib import Path

from multiposenet.evaluation import evaluate_boxes
from multiposenet.systems.estimator import Estimator


class PersonValidation:
    """Average precision of the person boxes.

    Args:
        model: the ``MultiPoseNet`` in training.
        annotations, images, image_size: as of ``KeypointValidation``.
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
