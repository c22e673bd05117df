"""Candidate poses whose NMS is learnt for MPII's mAP of keypoints, the measure of RMPE's tables."""

import numpy as np

from multiposenet.evaluation import coco
from multiposenet.poses import Poses
from multiposenet.training.pose_nms.candidate_poses import CandidatePoses
from multiposenet.training.pose_nms.metrics import TORSO_SHARE, MultiPersonMetrics


class CandidatePosesMAP(CandidatePoses):
    """As ``CandidatePoses``, with ``mAP`` of ``metrics.MultiPersonMetrics`` as the AP.

    Args:
        annotations: who is really there.
        results: COCO results as ``predict`` writes them.
        path: of the results, for messages.

    Raises:
        AnnotationError: a result is malformed or of an unknown photo, or has no ``bbox``.
        InputError: there is nothing to learn from.
    """

    def __init__(self, annotations, results, path="COCO results"):
        super().__init__(annotations, results, path)
        photos, places = from_results(annotations, results, path)
        everybody = MultiPersonMetrics(annotations)
        groups, order = [], []
        for photo, (poses, place) in enumerate(zip(photos, places, strict=True)):
            counted = everybody.counted(photo, poses)
            groups.append(everybody.group(photo, poses[counted]))
            order.append(place[counted])
        self._order = np.concatenate(order)
        self._mean_ap = SubsetMeanAP(groups)

    def _evaluate(self, kept):
        mask = np.zeros(len(self), bool)
        mask[kept] = True
        return self._mean_ap(mask[self._order])


class SubsetMeanAP:
    """``keypoint_precision.keypoint_average_precision`` of some of the poses, thousands of times.

    To whom a pose belongs and which of its keypoints are near is the same whichever other poses are
    there: only who comes first is decided anew.

    Args:
        groups: list of ``keypoint_precision.Group`` of the same J keypoints, with N poses in all.
    """

    def __init__(self, groups):
        right, value, person, first = [], [], [], 0
        for group in groups:
            near, part = _near(group)
            own = part.argmax(axis=1) if part.shape[1] else np.zeros(len(part), int)
            rows = np.arange(len(part))
            right.append(near[rows, own] if part.shape[1] else np.zeros(group.scores.shape, bool))
            value.append(part[rows, own] if part.shape[1] else np.zeros(len(part)))
            person.append(own + first)
            first += max(part.shape[1], 1)
        self._right, self._value = np.concatenate(right), np.concatenate(value)
        self._person = np.concatenate(person)
        # The poses of a person are neighbours, the best of them, or the first such, in front.
        self._by_person = np.lexsort((-self._value, self._person))
        scores = np.concatenate([group.scores for group in groups])
        there = [~np.isnan(group.predictions).any(axis=2) for group in groups]
        self._by_score = np.argsort(-scores, axis=0, kind="stable")  # (N, J)
        self._there = np.take_along_axis(np.concatenate(there), self._by_score, axis=0)
        self._wanted = sum(group.labelled.sum(axis=0) for group in groups)

    def __call__(self, kept):
        """Mean AP over the keypoints if only the poses (N,) bool are there; 0 if none is wanted."""
        order = self._by_person[kept[self._by_person]]
        ahead = np.ones(len(order), bool)
        ahead[1:] = self._person[order][1:] != self._person[order][:-1]
        best = np.zeros(len(kept), bool)
        best[order[ahead]] = True
        best &= self._value > 0
        right = self._right & best[:, None]
        right = np.take_along_axis(right, self._by_score, axis=0)
        used = self._there & kept[self._by_score]
        right &= used
        precision = right.cumsum(axis=0) / np.maximum(used.cumsum(axis=0), 1)
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        wanted = self._wanted > 0
        total = (precision * right).sum(axis=0)[wanted] / self._wanted[wanted]
        return float(total.mean()) if wanted.any() else 0.0


def _near(group):
    """(N, G, J) whether keypoints are near their counterparts, (N, G) the share of these."""
    offset = group.predictions[:, None] - group.truths
    limit = TORSO_SHARE * group.units[:, None]
    near = (np.hypot(offset[..., 0], offset[..., 1]) <= limit) & group.labelled
    near &= (group.units > 0)[:, None]
    return near, near.sum(axis=2) / np.maximum(group.labelled.sum(axis=1), 1)


def from_results(annotations, results, path="COCO results"):
    """The ``Poses`` of every photo, and their places among the results of the category.

    Raises:
        AnnotationError: a result is malformed, or of an unknown photo.
    """
    table, _, _ = coco.read_results(annotations, results, path)
    numbers = 3 * annotations.skeleton.num_keypoints
    triples = table.vectors("keypoints", numbers, f"give {numbers} numbers x, y, score")
    triples = triples.reshape(len(table), -1, 3)
    boxes = table.vectors("bbox", 4, "give x, y, width, height")
    boxes[:, 2:] += boxes[:, :2]
    box_scores = coco.result_scores(table, "box_score", "score")
    scores = coco.result_scores(table, "score")
    ids = table.integers("image_id")
    photos, places = [], []
    for record in annotations.images:
        own = np.flatnonzero(ids == record.id)
        poses = Poses(
            boxes[own],
            box_scores[own],
            triples[own, :, :2],
            triples[own, :, 2],
            scores[own],
            annotations.skeleton,
            (record.height, record.width),
        )
        photos.append(poses)
        places.append(own)
    return photos, places
