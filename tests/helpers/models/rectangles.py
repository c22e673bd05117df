"""A system in NumPy that finds a red and a blue rectangle, wherever they are painted."""

import numpy as np

from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import Skeleton
from multiposenet.systems.estimator import Estimator

CORNERS = Skeleton.from_dict(
    {
        "name": "corners",
        "keypoints": ["neck", "left_hip", "right_hip"],  # centre, top left, bottom right
        "limbs": [["neck", "left_hip"], ["neck", "right_hip"]],
    }
)
SCORES = (0.9, 0.5)  # of the red and the blue box; those of poses are 0.81 and 0.25


def rectangle_finder(calls=None, **options):
    """An estimator; each run of its network adds the wanted outputs to the list of calls."""

    def run(images, names):
        if calls is not None:
            calls.append(names)
        count, height, width = images.shape[:3]
        cells = images.reshape(count, height // 4, 4, width // 4, 4, 3).mean((2, 4)) / 255
        red = np.clip(cells[..., 0] - cells[..., 1], 0, 1)
        blue = np.clip(cells[..., 2] - cells[..., 1], 0, 1)
        boxes = np.zeros((count, 2, 4), np.float32)
        scores = np.zeros((count, 2), np.float32)
        for image in range(count):
            for row, channel in enumerate((0, 2)):
                other = images[image, ..., 1]
                y, x = np.nonzero(images[image, ..., channel] - other > 127)
                if len(x) > 30:
                    boxes[image, row] = x.min(), y.min(), x.max() + 1, y.max() + 1
                    scores[image, row] = SCORES[row]
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        return {
            "boxes": boxes,
            "box_scores": scores,
            "keypoints": np.stack([centre, boxes[..., :2], boxes[..., 2:]], axis=2),
            "keypoint_scores": np.repeat(scores[..., None], 3, axis=-1),
            "pose_scores": scores**2,
            "heatmaps": np.stack([red, blue, red + blue], axis=-1),
            "mask": red + blue,
        }

    model = ExportedModel(run, CORNERS, None, {}, "none")
    return Estimator(model, **{"image_size": 128, "score": 0.2, **options})
