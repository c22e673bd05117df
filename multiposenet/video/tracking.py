"""Who is who from frame to frame: OKS of predicted poses, sure detections first, then faint ones.

The order of matching is that of ByteTrack (Zhang et al., "ByteTrack: multi-object tracking by
associating every detection box", ECCV 2022, section 3), with object keypoint similarity in place of
the boxes' overlap: two people who cross have boxes that are nearly the same, but not their joints.

>>> for frame, people in pose.stream("clip.mp4", track=True):
...     people.ids
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from multiposenet.errors import InputError
from multiposenet.maths import matching
from multiposenet.maths.overlap import pairwise_iou
from multiposenet.maths.similarity import found_only, pose_oks
from multiposenet.poses import Poses

_STEP = 1 / 25  # seconds between frames whose times are not known
_FEW = 3  # common keypoints below which a pose says less than its box
_LOOSE = 3.0  # times an annotator's deviation, by which a pose that was predicted may be off
_KEPT = 0.6  # of the old velocity, at each frame


@dataclass
class Track:
    """A person who was seen.

    Attributes:
        id: of the person.
        keypoints: (K, 2), NaN where one was not found, as last seen.
        box: (4,) xyxy, as last seen.
        velocity: (2,) pixels a second of the whole person.
        seen: time at which.
    """

    id: int
    keypoints: np.ndarray
    box: np.ndarray
    velocity: np.ndarray
    seen: float


def oks_similarity(keypoints, boxes, others, other_boxes, sigmas) -> np.ndarray:
    """How alike tracks and detections are: OKS, or IoU where they share few keypoints.

    Args:
        keypoints, boxes: (N, K, 2), NaN where one was not found, and (N, 4) of the tracks.
        others, other_boxes: (M, K, 2) and (M, 4) of the detections.
        sigmas: (K,) of the skeleton.

    Returns:
        (N, M) in 0...1.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    areas = np.prod(sides, axis=-1)[:, None]
    alike = pose_oks(keypoints[:, None], areas, others[None], _LOOSE * np.asarray(sigmas))
    common = np.isfinite(keypoints[:, None]).all(-1) & np.isfinite(others[None]).all(-1)
    return np.where(common.sum(-1) >= _FEW, alike, pairwise_iou(boxes, other_boxes))


def box_similarity(keypoints, boxes, others, other_boxes, sigmas) -> np.ndarray:
    """IoU of the boxes alone, as trackers of boxes have it; arguments as `oks_similarity`."""
    return pairwise_iou(boxes, other_boxes)


class Tracker:
    """Gives people the same id in all frames of a video.

    Args:
        sure: people who score at least this are matched first, to everybody who was seen lately,
            and who matches nobody is new.
        faint: people who score at least this are matched then, to whom the frame before had seen
            and no sure one was like; by default half of `sure`. They are nobody new.
        least: similarity from which a match is possible.
        patience: seconds that somebody may be out of sight and be known again.
        similarity: `oks_similarity`, `box_similarity` or a function like these.

    Attributes:
        tracks: everybody who was seen lately.
        now: time of the last frame in seconds, None before the first.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        sure: float = 0.3,
        faint: float | None = None,
        least: float = 0.2,
        patience: float = 1.0,
        similarity: Callable = oks_similarity,
    ):
        self.sure, self.faint = float(sure), sure / 2 if faint is None else float(faint)
        self.least, self.patience, self.similarity = float(least), float(patience), similarity
        for name in ("sure", "faint", "least"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)}; give a number from 0 to 1")
        if self.faint > self.sure or not self.patience >= 0:
            raise ValueError("faint, patience: give a faint below sure, and seconds from 0 on")
        self.tracks: list[Track] = []
        self.now: float | None = None
        self._next = 1

    def restart(self) -> None:
        """What comes next is of another video: nobody is known, and no id is used again."""
        self.tracks, self.now = [], None

    def update(self, poses: Poses, time: float | None = None) -> Poses:
        """Takes the next frame.

        Args:
            poses: found in it, faint ones among them.
            time: of the frame in seconds, greater than the last one's; by default a 25th later.

        Returns:
            The people who are known by now, with `ids`, best first.
        """
        before, self.now = self.now, self._time(time)
        found = found_only(poses.keypoints, poses.keypoint_scores).astype(np.float64)
        ids = np.full(len(poses), -1)
        self.tracks = [t for t in self.tracks if self.now - t.seen <= self.patience + 1e-9]
        sure = np.flatnonzero(poses.scores >= self.sure)
        faint = np.flatnonzero((poses.scores >= self.faint) & (poses.scores < self.sure))
        left = self._match(self.tracks, sure, found, poses, ids)
        recent = [track for track in left if track.seen == before]
        self._match(recent, faint, found, poses, ids)
        for row in sure[ids[sure] < 0]:
            box = poses.boxes[row].astype(np.float64)
            self.tracks.append(Track(self._next, found[row], box, np.zeros(2), self.now))
            ids[row], self._next = self._next, self._next + 1
        rows = np.flatnonzero(ids >= 0)
        return replace(poses[rows], ids=ids[rows])

    def _time(self, time: float | None) -> float:
        if time is None:
            return 0.0 if self.now is None else self.now + _STEP
        if self.now is not None and not time > self.now:
            raise ValueError(f"time: {time:g} s is not behind {self.now:g} s; give frames in order")
        return float(time)

    def _match(self, tracks, rows, found, poses, ids) -> list[Track]:
        """Matches some detections, and returns the tracks that are left over."""
        if not tracks or not len(rows):
            return tracks
        waited = np.array([self.now - track.seen for track in tracks])
        boxes = np.stack([track.box for track in tracks])
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        moved = np.stack([track.velocity for track in tracks]) * waited[:, None]
        # Who walks out of the picture comes back at its border.
        moved = np.clip(centres + moved, 0, poses.image_size[::-1]) - centres
        keypoints = np.stack([track.keypoints for track in tracks]) + moved[:, None]
        boxes = boxes + np.tile(moved, 2)
        boxes_found = poses.boxes[rows].astype(np.float64)
        sigmas = poses.skeleton.sigmas
        alike = self.similarity(keypoints, boxes, found[rows], boxes_found, sigmas)
        chosen = matching.optimal(alike - self.least)
        for track, place in zip(tracks, chosen, strict=True):
            if place != matching.NOBODY:
                row = rows[place]
                ids[row] = track.id
                self._see(track, found[row], boxes_found[place])
        return [t for t, place in zip(tracks, chosen, strict=True) if place == matching.NOBODY]

    def _see(self, track: Track, keypoints, box) -> None:
        """The track as it was found in this frame."""
        waited = self.now - track.seen
        steps = keypoints - track.keypoints
        steps = steps[np.isfinite(steps).all(-1)]
        centres = [(corners[:2] + corners[2:]) / 2 for corners in (box, track.box)]
        step = np.median(steps, axis=0) if len(steps) >= _FEW else centres[0] - centres[1]
        is_new = not track.velocity.any()
        kept = 0.0 if is_new else _KEPT ** (waited / _STEP)
        track.velocity = kept * track.velocity + (1 - kept) * step / waited
        # A keypoint that is hidden now is remembered where the person took it.
        stale = np.where(np.isfinite(track.keypoints), track.keypoints + step, np.nan)
        track.keypoints = np.where(np.isfinite(keypoints), keypoints, stale)
        track.box, track.seen = box, self.now


def follow(stream: Iterator, tracker: Tracker, smoother=None) -> Iterator:
    """The items of a `System.stream` with the ids of people, and smoothed if asked for.

    Args:
        stream: of frames with their poses, and errors in their place.
        tracker: which starts anew where time goes back, with the next video.
        smoother: a `smoothing.Smoother`, or None.
    """
    for item in stream:
        if isinstance(item, InputError):
            yield item
            continue
        frame, poses = item
        if None not in (frame.time, tracker.now) and frame.time <= tracker.now:
            tracker.restart()
        people = tracker.update(poses, frame.time)
        yield frame, smoother.update(people, tracker.now) if smoother else people
