"""Synthetic figures in motion: people who cross, hide each other, leave and come back.

The figures of `figure` walk through a picture; nearer ones hide those behind. `seen` is what a
detector with faults makes of it. Trackers look at keypoints: pictures are painted where they are
asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets import figure, gait
from multiposenet.training.datasets.painter import Painter

RATE = 25  # frames a second


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame with the n people who are in the picture.

    Attributes:
        time: in seconds.
        keypoints: (n, K, 3) float32 x, y, v; v is 2 for a visible keypoint, 1 for one that
            something hides, 0 for one outside the picture.
        boxes: (n, 4) float32 xyxy around what is visible.
        areas: (n,) float32 pixels of the whole figures.
        shown: (n,) float32 share of the figure that can be seen.
        persons: (n,) int64 who they are.
        size: (height, width) of the picture.
        image: (height, width, 3) uint8, the picture, if it was asked for.
    """

    time: float
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    shown: np.ndarray
    persons: np.ndarray
    size: tuple[int, int]
    image: np.ndarray | None = None


def walk(
    rng: np.random.Generator,
    frames: int = 75,
    people: int = 2,
    size: tuple[int, int] = (180, 320),
    returns: bool = False,
    skeleton: Skeleton = COCO_17,
    pictures: bool = False,
) -> Iterator[Moment]:
    """People who walk through the picture, every other one in the other direction.

    Args:
        rng: the only source of randomness.
        frames: how many.
        people: how many; all are in the middle at about the same time.
        size: (height, width) of the picture.
        returns: whether everybody turns behind the border of the picture, and comes back.
        skeleton: keypoints wanted.
        pictures: whether pictures are painted. People are then seen from the side and move their
            legs and arms, which takes more time.
    """
    height, width = size
    if pictures:
        views = ["left" if person % 2 else "right" for person in range(people)]
        drawn = [figure.draw(rng, view, "stand") for view in views]
    else:
        drawn = [figure.draw(rng, action="walk") for _ in range(people)]
    scales = height * rng.uniform(0.5, 0.65, people)
    signs = np.where(np.arange(people) % 2, -1, 1)
    delays, levels = rng.uniform(-0.08, 0.08, people), height * rng.uniform(0.5, 0.6, people)
    paces, phases = rng.uniform(0.8, 1.2, people), rng.uniform(0, 2 * np.pi, people)
    backdrop = int(rng.integers(1 << 31)) if pictures else None
    for number in range(frames):
        t = number / max(1, frames - 1)  # from 0 to 1
        way = 2.6 * t if returns else t
        place = np.abs((way + 0.65) % 2 - 1) if returns else way  # to the border and back
        along = (place - 0.5) * paces * (1.6 if returns else 0.9) + delays
        x = width * (0.5 + signs * along)
        y = levels + 0.01 * height * np.sin(12 * np.pi * t + phases)
        now = drawn
        if pictures:
            ways = signs * (x - width / 2) / scales
            now = [
                gait.step(one, gait.phase(way) + own)
                for one, way, own in zip(drawn, ways, phases, strict=True)
            ]
        places = np.stack([x, y], -1)
        yield _moment(now, scales, places, number / RATE, size, skeleton, backdrop)


def _moment(drawn, scales, places, time, size, skeleton, backdrop) -> Moment:
    painter, whole, rng = Painter(*size), [], np.random.default_rng(0)
    for person, (one, scale, place) in enumerate(zip(drawn, scales, places, strict=True)):
        whole.append(painter.person(person, one, scale, place, rng))
    owners = painter.owners()
    rows = []
    for person, (one, scale, place) in enumerate(zip(drawn, scales, places, strict=True)):
        y, x = np.nonzero(owners == person)
        if len(x) >= 30:
            keypoints = painter.keypoints(person, one, scale, place, skeleton)
            box = (x.min(), y.min(), x.max() + 1, y.max() + 1)
            rows.append((keypoints, box, whole[person], len(x) / whole[person], person))
    keypoints, boxes, areas, shown, persons = zip(*rows, strict=True) if rows else ((),) * 5
    count = skeleton.num_keypoints
    return Moment(
        time,
        np.array(keypoints, np.float32).reshape(-1, count, 3),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(areas, np.float32),
        np.array(shown, np.float32),
        np.array(persons, np.int64),
        size,
        None if backdrop is None else painter.picture(np.random.default_rng(backdrop)),
    )


def seen(moment: Moment, rng: np.random.Generator, skeleton: Skeleton = COCO_17) -> Poses:
    """What a detector finds: keypoints 2 % of the person off, hidden ones three times so and faint.

    People of whom less than a quarter shows are not found, nor is one in twenty of the others, and
    a ghost is in one frame of ten.

    Args:
        moment: the frame.
        rng: of the faults.
        skeleton: of the keypoints.
    """
    rows = np.flatnonzero((moment.shown > 0.25) & (rng.random(len(moment.shown)) > 0.05))
    labels, boxes = moment.keypoints[rows], moment.boxes[rows]
    sizes = np.sqrt(moment.areas[rows])[:, None, None]
    hidden = (labels[..., 2] < 2)[..., None]
    off = rng.normal(size=(*labels.shape[:2], 2)) * sizes * np.where(hidden, 0.06, 0.02)
    scores = np.where(hidden, rng.uniform(0.02, 0.2), rng.uniform(0.5, 0.9, hidden.shape))[..., 0]
    scores = np.where(labels[..., 2] > 0, scores, 0)
    boxes = boxes + rng.normal(size=boxes.shape) * 0.03 * np.sqrt(moment.areas[rows])[:, None]
    pose_scores = np.clip(moment.shown[rows] * rng.uniform(0.6, 0.95, len(rows)), 0, 1)
    keypoints = labels[..., :2] + off
    if rng.random() < 0.1:
        corner = rng.uniform(0, 0.6, 2) * moment.size[::-1]
        extent = np.array([0.15, 0.4]) * moment.size[0]
        ghost = corner + rng.uniform(0, 1, (1, skeleton.num_keypoints, 2)) * extent
        keypoints = np.concatenate([keypoints, ghost])
        boxes = np.concatenate([boxes, [[*corner, *(corner + extent)]]])
        scores = np.concatenate([scores, np.full((1, skeleton.num_keypoints), 0.2)])
        pose_scores = np.append(pose_scores, rng.uniform(0.1, 0.35))
    return Poses(boxes, pose_scores, keypoints, scores, pose_scores, skeleton, moment.size)
