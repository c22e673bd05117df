"""Candidate poses of annotated photos, with all that a search for the best NMS needs computed once.

The rules of `maths.suppression` look at one photo. To learn their parameters they are run over all
photos thousands of times. So here the pairs of poses of all photos are one list, a rule is a
threshold on a column of it, and the OKS of poses and persons is known beforehand.
"""

from functools import lru_cache

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.evaluation import average_precision, coco
from multiposenet.maths.similarity import (
    confidences,
    found_only,
    keypoint_overlap,
    near,
    pose_oks,
    soft_distances,
    soft_matches,
    squared_offsets,
)

# Poses of which no keypoint is nearer to its counterpart than one size of the person are far too
# different for all rules within reason, and not kept as a pair.
_FAR = 1.0
_BLOCK = 8192  # pairs compared at a time


class CandidatePoses:
    """D candidate poses of annotated photos, and the P pairs in which the first may eliminate the
    second, being better and near it.

    Args:
        annotations: who is really there.
        results: COCO results as for `coco.evaluate_keypoints`. A pose without `bbox` has the box
            around its keypoints with a score above 0.
        path: of the results, for messages.

    Raises:
        AnnotationError: a result is malformed or of an unknown photo.
        InputError: there is nothing to learn from: no pose, or nobody to be found.
    """

    def __init__(self, annotations: CocoAnnotations, results: list[dict], path="COCO results"):
        self._truths, self._detections, similarity = coco.keypoint_pairs(annotations, results, path)
        if not len(self):
            raise InputError(f"{path}: result: no pose; give poses found on the annotated photos")
        if self._truths.ignored.all():
            raise InputError(
                f"{annotations.path}: annotations: nobody with keypoints; label some people"
            )
        self._sigmas = annotations.skeleton.sigmas
        self._read(annotations, results, path)
        self._pair()
        self._compare_with_truths(similarity)
        self._precision = {}
        # A grid over two parameters asks for each value of the one many times.
        self.matches = lru_cache(16)(self._matches)
        self.distances = lru_cache(16)(self._distances)

    def __len__(self) -> int:
        return len(self._detections.scores)

    def pose_nms(self, parameters) -> np.ndarray:
        """(D,) bool, the poses that `suppression.pose_nms` keeps.

        Args:
            parameters: `PoseNMSParameters`, sigma2 at most 0.1.
        """
        matches, distances = self.matches(parameters.sigma1), self.distances(parameters.sigma2)
        return self._greedy(matches + parameters.distance_weight * distances >= parameters.eta)

    def oks_nms(self, threshold: float) -> np.ndarray:
        """(D,) bool, the poses that `suppression.oks_nms` keeps."""
        return self._greedy(self._oks >= threshold)

    def keypoint_overlap_nms(self, radius: float, share: float) -> np.ndarray:
        """(D,) bool, the poses that `suppression.keypoint_overlap_nms` keeps; radius at most 1."""
        return self._greedy(keypoint_overlap(self._squared, radius) >= share)

    def average_precision(self, kept: np.ndarray) -> float:
        """`keypoints/AP` of `coco.evaluate_keypoints` if only the poses (D,) bool are there."""
        key = np.packbits(kept).tobytes()
        if key not in self._precision:
            self._precision[key] = self._evaluate(np.flatnonzero(kept))
        return self._precision[key]

    def _evaluate(self, kept) -> float:
        detections = self._detections
        precision, _ = average_precision.evaluate(
            self._truths,
            average_precision.Detections(
                detections.image[kept], detections.areas[kept], detections.scores[kept]
            ),
            lambda pose, person: self._values[self._start[kept[pose]] + self._place[person]],
            [coco.ALL_SIZES],
            [20],
        )
        return float(precision.mean())

    def _read(self, annotations, results, path) -> None:
        table, _, _ = coco.read_results(annotations, results, path)
        numbers = 3 * annotations.skeleton.num_keypoints
        triples = table.vectors("keypoints", numbers, f"give {numbers} numbers x, y, score")
        triples = triples.reshape(len(table), -1, 3)
        self._scores = triples[..., 2]
        self._poses = found_only(triples[..., :2], self._scores)
        found = np.isfinite(self._poses)
        low = np.where(found, self._poses, np.inf).min(axis=1)
        high = np.where(found, self._poses, -np.inf).max(axis=1)
        sides = np.maximum(high - low, 0)  # of a pose without any keypoint 0
        boxed, boxes = coco.result_boxes(table)
        sides[boxed] = np.maximum(boxes[:, 2:], 0)
        self._sizes, self._areas = sides.max(axis=1), sides.prod(axis=1)

    def _pair(self) -> None:
        image = self._detections.image
        order = np.lexsort((-self._detections.scores, image))  # stable
        end = np.searchsorted(image[order], image[order], side="right")
        place, step = _ranges(end - np.arange(len(order)) - 1)
        first, second = order[place], order[place + 1 + step]
        blocks = []
        for start in range(0, len(first), _BLOCK):
            ours, theirs = (rows[start : start + _BLOCK] for rows in (first, second))
            dx2, dy2 = squared_offsets(self._poses[ours], self._sizes[ours], self._poses[theirs])
            close = (dx2 + dy2 < _FAR).any(axis=1)
            blocks.append((ours[close], theirs[close], dx2[close], dy2[close]))
        if not blocks:
            blocks = [(first, second, *np.zeros((2, 0, self._scores.shape[1])))]
        self._first, self._second, dx2, dy2 = map(np.concatenate, zip(*blocks, strict=True))
        self._near, self._squared = near(dx2, dy2), dx2 + dy2
        self._oks = pose_oks(
            self._poses[self._first],
            self._areas[self._first],
            self._poses[self._second],
            self._sigmas,
        )

    def _compare_with_truths(self, similarity) -> None:
        """OKS of each pose with all persons of its photo, one after another in `_values`."""
        photos, wanted = self._truths.image, self._detections.image
        order = np.argsort(photos, kind="stable")
        first = np.searchsorted(photos[order], wanted, side="left")
        count = np.searchsorted(photos[order], wanted, side="right") - first
        self._start = np.cumsum(count) - count
        self._place = np.empty(len(photos), np.int64)
        self._place[order] = np.arange(len(photos)) - np.searchsorted(photos[order], photos[order])
        pose, place = _ranges(count)
        person = order[first[pose] + place]
        self._values = np.empty(len(pose))
        for start in range(0, len(pose), _BLOCK):
            block = slice(start, start + _BLOCK)
            self._values[block] = similarity(pose[block], person[block])

    def _matches(self, sigma1: float) -> np.ndarray:
        confident = confidences(self._scores, sigma1)
        return soft_matches(self._near, confident[self._first], confident[self._second])

    def _distances(self, sigma2: float) -> np.ndarray:
        return soft_distances(self._squared, sigma2)

    def _greedy(self, close: np.ndarray) -> np.ndarray:
        """(D,) bool, the poses kept if in the pairs (P,) `close` the first eliminates the second.

        All photos at once: in each round the poses that no better pose can eliminate any more are
        kept, and those they are close to are gone.
        """
        first, second = self._first[close], self._second[close]
        kept, open_ = np.zeros(len(self), bool), np.ones(len(self), bool)
        while open_.any():
            beaten = np.zeros(len(self), bool)
            beaten[second] = True
            best = open_ & ~beaten
            kept |= best
            open_ &= ~best
            open_[second[best[first]]] = False
            undecided = open_[first] & open_[second]
            first, second = first[undecided], second[undecided]
        return kept


def _ranges(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of n counts its number, and 0...count - 1, all in a row: (sum,) and (sum,)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
