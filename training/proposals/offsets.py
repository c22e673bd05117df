"""Detections matched to true persons, and the offsets of their boxes.

An offset is (left, top, right, bottom): how far each side of a box lies from that of the true box,
in widths and heights of the true box, positive to the right and downwards (RMPE ICCV,
section 3.3). All of it is NumPy: it belongs to the input pipeline.
"""

from dataclasses import dataclass, fields

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.evaluation.coco import read_results, result_scores
from multiposenet.json_table import parse, read_bytes
from multiposenet.maths import matching
from multiposenet.maths import overlap as overlaps

SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, eq=False)
class Pairs:
    """P detections with the persons that they are of, in pixels of their photos.

    Attributes:
        image: (P,) int, row of the photo in the annotations.
        person: (P,) int, number of the person among all of the annotations.
        boxes: (P, 4) float64 xyxy, the true boxes.
        keypoints: (P, K, 3) float64 x, y, v; every person has one with v > 0.
        found: (P, 4) float64 xyxy, the detections.
        iou: least IoU of the two boxes of a pair.
    """

    image: np.ndarray
    person: np.ndarray
    boxes: np.ndarray
    keypoints: np.ndarray
    found: np.ndarray
    iou: float

    def __len__(self) -> int:
        return len(self.person)

    @property
    def offsets(self) -> np.ndarray:
        """(P, 4) offsets of the detections."""
        return offsets(self.boxes, self.found)

    def select(self, rows) -> "Pairs":
        """The pairs of some rows, (n,) int or (P,) bool."""
        columns = [f.name for f in fields(self) if f.name != "iou"]
        return Pairs(*(getattr(self, name)[rows] for name in columns), iou=self.iou)

    def mirrored(self, flip_indices) -> "Pairs":
        """The same in photos mirrored at their left border; ``flip_indices`` is the skeleton's."""
        keypoints = self.keypoints[:, flip_indices] * (-1, 1, 1)
        boxes, found = (x[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) for x in (self.boxes, self.found))
        return Pairs(self.image, self.person, boxes, keypoints, found, self.iou)

    def __add__(self, other: "Pairs") -> "Pairs":
        columns = [f.name for f in fields(self) if f.name != "iou"]
        both = (np.concatenate([getattr(self, n), getattr(other, n)]) for n in columns)
        return Pairs(*both, iou=self.iou)


def read_detections(path):
    """The COCO results of a file, such as ``poses.json`` of ``multiposenet predict``.

    Raises:
        AnnotationError: it cannot be read or is not JSON.
    """
    return parse(path, read_bytes(path))


def collect_file(annotations, path, recipe, exclusive=True):
    """``collect`` of the detections in a file, by a recipe's ``iou`` and ``min_score``.

    Raises:
        AnnotationError: the file cannot be used, or no detection belongs to a person.
    """
    return collect(
        annotations,
        read_detections(path),
        iou=recipe.iou,
        min_score=recipe.min_score,
        exclusive=exclusive,
        path=path,
    )


def collect(annotations, results, *, iou=0.5, min_score=0.0, exclusive=True, path="COCO results"):
    """Pairs detections with persons that have keypoints.

    Persons without keypoints take part in the matching, so that nobody else is given their
    detections, but are in no pair; crowds take no part.

    Args:
        annotations: ``CocoAnnotations``.
        results: COCO results with ``image_id``, ``bbox`` (x, y, width, height in pixels) and
            ``box_score`` or ``score``.
        iou: least IoU of a detection and its person, above 0.
        min_score: detections that score less are left out.
        exclusive: a person has one detection, the pair of the greatest IoU first; otherwise every
            detection goes to the person that it overlaps most.
        path: name of the results in error messages.

    Returns:
        ``Pairs`` in the order of the photos.

    Raises:
        AnnotationError: a result is malformed or of an unknown image, or there is no pair.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou: {iou} is out of range; give more than 0 and at most 1")
    table, order, images = read_results(annotations, results, path)
    found = table.vectors("bbox", 4, "give x, y, width, height")
    found[:, 2:] += found[:, :2]
    kept = result_scores(table, "box_score", "score") >= min_score
    persons = annotations.persons
    boxes = persons.xywh.copy()
    boxes[:, 2:] += boxes[:, :2]
    usable = ~persons.crowd
    parts = []
    for place in np.unique(images[kept]):
        own = np.flatnonzero(kept & (images == place))
        people = np.flatnonzero(usable & (order[persons.image] == place))
        if len(people):
            chosen = _match(boxes[people], found[own], iou, exclusive)
            parts.append(np.column_stack([people[chosen[0]], own[chosen[1]]]))
    person, detection = np.concatenate([np.zeros((0, 2), int), *parts]).T
    labelled = (persons.keypoints[person, :, 2] > 0).any(axis=1)
    person, detection = person[labelled], detection[labelled]
    if not len(person):
        raise AnnotationError(
            f"{path}: bbox: no detection overlaps a person with keypoints by IoU {iou}; "
            f"give detections of the photos of {annotations.path}"
        )
    return Pairs(
        image=persons.image[person],
        person=person,
        boxes=boxes[person],
        keypoints=persons.keypoints[person],
        found=found[detection],
        iou=iou,
    )


def _match(boxes, found, iou, exclusive):
    """Rows of the persons and of their detections on one photo."""
    overlap = overlaps.pairwise_iou(boxes, found)
    if exclusive:
        chosen = matching.greedy(np.where(overlap >= iou, overlap, -np.inf), unassigned=-np.inf)
        people = np.flatnonzero(chosen >= 0)
        return people, chosen[people]
    best = overlap.argmax(axis=0)
    detections = np.flatnonzero(overlap.max(axis=0) >= iou)
    return best[detections], detections


def offsets(boxes, found) -> np.ndarray:
    """Offsets of boxes from true ones, both (..., 4) xyxy; the true ones have an area."""
    boxes = np.asarray(boxes, np.float64)
    return (found - boxes) / _sides(boxes)


def moved(boxes, offsets) -> np.ndarray:
    """Boxes (..., 4) xyxy at some offsets from true ones; the inverse of ``offsets``."""
    boxes = np.asarray(boxes, np.float64)
    return boxes + offsets * _sides(boxes)


def mirrored(offsets) -> np.ndarray:
    """Offsets (..., 4) as they are in the mirrored photo."""
    return np.asarray(offsets)[..., [2, 1, 0, 3]] * (-1, 1, -1, 1)


def unit_iou(offsets) -> np.ndarray:
    """IoU of boxes at offsets (..., 4) with the true one, whatever that is."""
    offsets = np.asarray(offsets, np.float64)
    unit = np.array([[0.0, 0.0, 1.0, 1.0]])
    boxes = (unit + offsets.reshape(-1, 4)).reshape(-1, 4)
    empty = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
    iou = overlaps.pairwise_iou(np.where(empty[:, None], 0.0, boxes), unit)[:, 0]
    return iou.reshape(offsets.shape[:-1])


def _sides(boxes):
    return np.tile(boxes[..., 2:] - boxes[..., :2], 2)


def clipped(boxes, image_size) -> np.ndarray:
    """Boxes inside the photo, each with at least a pixel of it.

    Args:
        boxes: (N, count, 4) xyxy.
        image_size: height and width, or (N, 2) of them; None: the photo has no border.
    """
    start, end = -np.inf, np.inf
    if image_size is not None:
        start, end = 0.0, np.asarray(image_size, np.float64)[..., ::-1].reshape(-1, 1, 2)
    low = np.clip(boxes[..., :2], start, end - 1)
    high = np.maximum(np.minimum(boxes[..., 2:], end), low + 1)
    return np.concatenate([low, high], axis=-1)
