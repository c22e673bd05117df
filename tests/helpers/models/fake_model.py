"""A model with the outputs of MultiPoseNet that "finds" a red and a blue rectangle.

What it reports is computed from the input's own pixels, so that a test can compare the estimator's
answer, in pixels of the original image, with where the rectangle was painted.
"""

import keras
from keras import ops

from multiposenet.skeleton import Skeleton
from multiposenet.systems.options import InferenceOptions

CORNERS = Skeleton.from_dict(
    {
        "name": "corners",
        "keypoints": ["neck", "left_hip", "right_hip"],  # centre, top left, bottom right
        "limbs": [["neck", "left_hip"], ["neck", "right_hip"]],
    }
)


class RectangleFinder(keras.Model):
    """Row 0 the red rectangle, row 1 the blue one, row 2 never used."""

    def __init__(self, image_size=None):
        super().__init__()
        self.skeleton = CORNERS
        self.image_size = image_size
        self.options = InferenceOptions()
        self.shapes = []  # input shapes for which a backend traced the model
        self.built = True

    def call(self, images):
        self.shapes.append(tuple(images.shape))
        red = ops.clip((images[..., 0] - images[..., 1]) / 255, 0, 1)
        blue = ops.clip((images[..., 2] - images[..., 1]) / 255, 0, 1)
        people = ops.stack([red, blue, ops.zeros_like(red)], axis=1)  # (B, 3, H, W)
        found = ops.cast(ops.sum(people, axis=(2, 3)) > 30, "float32")
        height, width = ops.shape(images)[1:3]
        x1, x2 = self._extent(ops.sum(people, axis=2), width)
        y1, y2 = self._extent(ops.sum(people, axis=3), height)
        boxes = ops.stack([x1, y1, x2, y2], axis=-1) * found[..., None]
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        score = found * ops.convert_to_tensor([0.9, 0.5, 0.0])
        maps = ops.average_pool(ops.stack([red, blue, red + blue], axis=-1), 4, 4)
        return {
            "boxes": boxes,
            "box_scores": score,
            "keypoints": ops.stack([centre, boxes[..., :2], boxes[..., 2:]], axis=2),
            "keypoint_scores": ops.repeat(score[..., None], 3, axis=-1),
            "pose_scores": score * score,
            "heatmaps": maps,
            "mask": maps[..., 2],
        }

    @staticmethod
    def _extent(mass, length):
        """Ends of a uniform stretch from its mean and variance, which interpolation keeps."""
        position = ops.arange(length, dtype="float32") + 0.5
        total = ops.sum(mass, axis=-1) + 1e-6
        mean = ops.sum(mass * position, axis=-1) / total
        variance = ops.sum(mass * (position - mean[..., None]) ** 2, axis=-1) / total
        half = ops.sqrt(3 * variance)
        return mean - half, mean + half
