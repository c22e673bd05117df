"""The PRN stage: the assigner alone, on the keypoints of labelled persons."""

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.training import loop
from multiposenet.training.stages import PRNStage

MAX_CANDIDATES = 8


def train(prn, crops, recipe, flip_indices, run, resume=False):
    """Trains a ``PoseResidualNetwork`` in place.

    Args:
        prn: the network.
        crops: a ``Crops`` of the training persons.
        recipe: a ``PRNRecipe``.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        resume: go on from the folder's checkpoint.
    """
    batches = Batches(crops, recipe, flip_indices)
    stage = PRNStage(prn, recipe.membership)
    steps = recipe.epochs * batches.steps_per_epoch
    loop.fit(stage, batches, recipe, steps=steps, run=run, resume=resume)


class Crops:
    """Every person with more than two keypoints and all candidates around it.

    Attributes:
        boxes: ``(n, 4)`` xyxy.
        points: ``(n, K, P, 2)``: candidate 0 is the person's own joint, the others are joints of
            other persons of the photo in or near the box, nearest to its centre first.
        present: ``(n, K, P)`` bool.
        crowded: ``(n,)`` bool, there is a candidate of somebody else.

    Raises:
        AnnotationError: there is no such person.
    """

    def __init__(self, annotations, reach=2 * MARGIN):
        parts = [_crops(record, reach) for record in annotations.images if len(record.boxes)]
        if not any(len(boxes) for boxes, _, _ in parts):
            raise AnnotationError(
                f"{annotations.path}: keypoints: no person has more than two; "
                "give annotations with keypoints"
            )
        boxes, points, present = zip(*parts, strict=True)
        self.boxes = np.concatenate(boxes)
        self.points = np.concatenate(points)
        self.present = np.concatenate(present)
        self.crowded = self.present[:, :, 1:].any(axis=(1, 2))

    def __len__(self):
        return len(self.boxes)


def _crops(record, reach):
    visible = record.keypoints[..., 2] > 0
    chosen = np.flatnonzero((visible.sum(axis=1) > 2) & ~record.crowd)
    people, joints = visible.shape
    points = np.zeros((len(chosen), joints, MAX_CANDIDATES, 2), np.float32)
    present = np.zeros((len(chosen), joints, MAX_CANDIDATES), bool)
    for row, person in enumerate(chosen):
        box = record.boxes[person]
        centre, half = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1) / 2
        distance = np.abs(record.keypoints[..., :2] - centre) / half
        near = visible & (distance <= 1 + 2 * reach).all(axis=-1)
        near[person] = False
        distance = np.where(near, np.square(distance).sum(axis=-1), np.inf)
        order = np.argsort(distance, axis=0, kind="stable")[: MAX_CANDIDATES - 1]
        others = slice(1, 1 + len(order))
        points[row, :, 0] = record.keypoints[person, :, :2]
        present[row, :, 0] = visible[person]
        columns = np.arange(joints)
        points[row, :, others] = record.keypoints[order, columns, :2].transpose(1, 0, 2)
        present[row, :, others] = near[order, columns].T
    return record.boxes[chosen], points, present


class Batches:
    """``batches(step)``: boxes and candidates, jittered and flipped, and which are the person's."""

    def __init__(self, crops, recipe, flip_indices):
        self.crops, self.recipe, self.flip_indices = crops, recipe, flip_indices
        self.crowded = np.flatnonzero(crops.crowded)
        self.alone = np.flatnonzero(~crops.crowded)
        self.per_epoch = len(self.crowded) + int(recipe.alone * len(self.alone))
        self.steps_per_epoch = max(self.per_epoch // recipe.batch_size, 1)
        self._order = (None, None)

    def _epoch(self, epoch):
        known, order = self._order
        if known != epoch:
            rng = np.random.default_rng((self.recipe.seed, epoch))
            few = rng.permutation(self.alone)[: self.per_epoch - len(self.crowded)]
            order = rng.permutation(np.concatenate([self.crowded, few]))
            self._order = (epoch, order)
        return order

    def __call__(self, step):
        recipe, crops = self.recipe, self.crops
        epoch, batch = divmod(step, self.steps_per_epoch)
        rng = np.random.default_rng((recipe.seed, epoch, batch))
        rows = self._epoch(epoch)[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]
        boxes, points = crops.boxes[rows], crops.points[rows]
        present = crops.present[rows]
        size = (boxes[:, 2:] - boxes[:, :2])[:, None, None]
        points = points + rng.normal(0, recipe.point_jitter, points.shape) * size
        shift = rng.uniform(-recipe.box_jitter, recipe.box_jitter, boxes.shape)
        boxes = boxes + shift * np.tile(size[:, 0, 0], 2)
        flipped = rng.random(len(rows)) < 0.5
        boxes[flipped] = (boxes[flipped] * (-1, 1, -1, 1))[:, [2, 1, 0, 3]]
        points[flipped] = points[flipped][:, self.flip_indices] * (-1, 1)
        present[flipped] = present[flipped][:, self.flip_indices]
        scores = present * rng.uniform(recipe.faint, 1.0, present.shape)
        scores *= rng.random(present.shape) >= recipe.missing
        own = np.zeros(present.shape, np.float32)
        own[:, :, 0] = 1.0
        inputs = {
            "boxes": boxes[:, None].astype(np.float32),
            "points": points.astype(np.float32),
            "scores": scores.astype(np.float32),
        }
        return inputs, own
