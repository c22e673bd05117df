"""Base of top-down systems: a detector finds the people, a network the keypoints of each one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from multiposenet.errors import InputError
from multiposenet.maths.suppression import box_nms
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton
from multiposenet.sources import Frame, one_frame
from multiposenet.systems import pose_nms as rules
from multiposenet.systems import pose_scores, system
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.system import System

_MAX_FRAMES = 64  # waiting for the others of their batch


class _Found(NamedTuple):
    """What a detector says of a frame: N boxes and scores, and perhaps a mask."""

    frame: Frame
    boxes: np.ndarray
    scores: np.ndarray
    mask: np.ndarray | None = None


class TopDown(System):
    """Base of the systems that look for the keypoints of every detected person.

    Args:
        detector: finds the people: an `Estimator`, or any system with its `stream`; a function
            from an image (H, W, 3) uint8 RGB to boxes (N, 4) xyxy in its pixels and their scores
            (N,) from 0 to 1; or None if only `poses_in` is used.
        persons: finds the keypoints in boxes.
        score: people whose pose score is lower are left out.
        pose_nms: what counts as the same person: `PoseNMSParameters` for parametric pose NMS,
            `pose_nms.OKSNMS`, or `pose_nms.SoftOKSNMS`, which lowers scores before people are left
            out by them; None keeps all poses.
        rescoring: what a pose scores, of `pose_scores.RULES`.
        box_overlap: of the detector's boxes with a greater IoU the best is kept; None keeps all.
        box_score: boxes that score less are left out at once, as those are anyway whose poses
            could not reach the score.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        detector,
        persons: SinglePersonEstimator,
        score: float,
        *,
        pose_nms: rules.Rule = None,
        rescoring: str = "geometric",
        box_overlap: float | None = None,
        box_score: float = 0.0,
    ):
        self.detector = detector
        self.persons = persons
        self.score = float(score)
        self.pose_nms = pose_nms
        self.rescoring = pose_scores.check(rescoring)
        self.box_overlap = box_overlap
        self.box_score = float(box_score)

    @property
    def skeleton(self) -> Skeleton:
        return self.persons.skeleton

    def advice(self, frame: Frame, poses: Poses) -> str | None:
        return self.detector.advice(frame, poses) if isinstance(self.detector, System) else None

    def at_scale(self, factor: float) -> "TopDown":
        """The same, with a detector that sees images at another size."""
        if not hasattr(self.detector, "at_scale"):
            raise ValueError("scales: the detector is a function, which has one size; give 1")
        return self._but(detector=self.detector.at_scale(factor))

    def _seeing(self, size: int) -> "TopDown":
        if not isinstance(self.detector, System):
            raise ValueError("size: the detector is a function, which has its own; leave it out")
        return self._but(detector=self.detector._seeing(size))

    def _about(self) -> list[str | None]:
        own = isinstance(self.detector, System)
        persons = f"people of {'x'.join(map(str, self.persons.size))} pixels"
        return [repr(self.detector) if own else "a detector of one's own", persons]

    def _stream(self, items) -> Iterator[tuple[Frame, Poses] | InputError]:
        # People of several images share a call of the network, and all people of an image do
        # unless they are more than its `batch_size`. The mask is the detector's, if it has one.
        limits = (self.persons.batch_size, system.WINDOW_PIXELS)
        for window in system.windows(self._detections(items), _MAX_FRAMES, _costs, limits):
            yield from self._finish(window)

    def poses_in(self, image, boxes, scores=None) -> Poses:
        """Finds the poses of people whose boxes are known.

        Args:
            image: the path of an image, or an array as for a call.
            boxes: (N, 4) xyxy in pixels of the image; they may reach beyond its border.
            scores: (N,) from 0 to 1, how sure the boxes are; by default 1.

        Returns:
            `Poses`, best first; their `boxes` are those given. Poses that score too little or
            show somebody anew are left out, as in a call.

        Raises:
            InputError: the image cannot be used.
            ValueError: it is not one image, or a box or a score cannot be used; the message has
                its index.
        """
        frame = one_frame(image)
        boxes, scores = _checked(boxes, 1.0 if scores is None else scores)
        for problem, rows in _defects(boxes, frame.image.shape[:2]).items():
            if rows.any():
                index = rows.argmax()
                raise ValueError(
                    f"boxes: box {index}, {boxes[index].tolist()}, {problem}; give x1 < x2 and "
                    "y1 < y2 in pixels of the image"
                )
        ((_, poses),) = self._finish([self._promising(_Found(frame, boxes, scores))])
        return poses

    def _detections(self, items) -> Iterator[_Found | InputError]:
        if self.detector is None:
            raise ValueError("detector: none; give one, or give boxes to `poses_in`")
        if hasattr(self.detector, "stream"):
            for item in self.detector.stream(items):
                if not isinstance(item, InputError):
                    frame, poses = item
                    item = self._apart(_Found(frame, poses.boxes, poses.box_scores, poses.mask))
                yield item
        else:
            for item in items:
                if not isinstance(item, InputError):
                    item = self._apart(_Found(item, *_checked(*self.detector(item.image))))
                yield item

    def _promising(self, found: _Found) -> _Found:
        """Without the boxes that show nobody or nobody likely; detectors have such ones."""
        image_hw = found.frame.image.shape[:2]
        bad = np.any(list(_defects(found.boxes, image_hw).values()), axis=0)
        least = pose_scores.least_box_score(self.rescoring, self.score)
        rows = np.flatnonzero(~bad & (found.scores >= max(least, self.box_score)))
        return found._replace(boxes=found.boxes[rows], scores=found.scores[rows])

    def _apart(self, found: _Found) -> _Found:
        """The promising boxes, one of each person as far as boxes tell."""
        found = self._promising(found)
        if self.box_overlap is None:
            return found
        rows = box_nms(found.boxes, found.scores, self.box_overlap)
        return found._replace(boxes=found.boxes[rows], scores=found.scores[rows])

    def _finish(self, window) -> Iterator[tuple[Frame, Poses] | InputError]:
        """The poses in what was found, in one call of the network if they are few enough."""
        found = [item for item in window if isinstance(item, _Found)]
        answers = iter(
            self.persons([item.frame.image for item in found], [item.boxes for item in found])
        )
        for item in window:
            if isinstance(item, InputError):
                yield item
            else:
                yield item.frame, self._poses(item, *next(answers))

    def _poses(self, found: _Found, keypoints, keypoint_scores) -> Poses:
        frame = found.frame
        poses = Poses(
            boxes=found.boxes,
            box_scores=found.scores,
            keypoints=keypoints,
            keypoint_scores=keypoint_scores,
            scores=pose_scores.pose_scores(self.rescoring, found.scores, keypoint_scores),
            skeleton=self.skeleton,
            image_size=frame.image.shape[:2],
            mask=found.mask,
            **frame.origin,
        )
        return rules.distinct(poses.above(self.score), self.pose_nms).above(self.score)


def _costs(item: _Found | InputError) -> tuple[int, int]:
    """People and pixels."""
    found = isinstance(item, _Found)
    return (len(item.boxes), system.pixels(item.frame)) if found else (0, 0)


def _checked(boxes, scores) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and scores (N,), or one for all, as float32."""
    boxes = np.asarray(boxes, np.float32)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes: shape {boxes.shape}; give (N, 4), x1, y1, x2, y2")
    given = np.asarray(scores, np.float32)
    if given.shape not in ((), (len(boxes),)):
        raise ValueError(f"scores: shape {given.shape}; give ({len(boxes)},), one for each box")
    scores = np.broadcast_to(given, len(boxes))
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        index = wrong.argmax()
        raise ValueError(f"scores: {scores[index]} of box {index}; give numbers from 0 to 1")
    return boxes, scores


def _defects(boxes, image_hw) -> dict[str, np.ndarray]:
    """What can be wrong with boxes (N, 4) -> with which of them it is."""
    height, width = image_hw
    low, high = boxes[:, :2], boxes[:, 2:]
    return {
        "is not finite": ~np.isfinite(boxes).all(axis=1),
        "has no area": ~(high > low).all(axis=1),
        "is outside the image": ~((low < (width, height)) & (high > 0)).all(axis=1),
    }
