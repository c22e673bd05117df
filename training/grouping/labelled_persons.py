"""Labelled persons as the PRN stage sees them: boxes, and the candidates in and around them."""

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.networks.roi_crop import HEIGHT, MARGIN, WIDTH

NOBODY = -1


def photos(source):
    """``(boxes (n, 4) xyxy, keypoints (n, K, 3), crowd (n,) bool)`` of every photo of a source.

    Args:
        source: ``CocoAnnotations``, or an iterable of ``Sample`` or of such triples.
    """
    for photo in getattr(source, "images", source):
        if isinstance(photo, tuple):
            yield photo
        else:
            crowd = getattr(photo, "crowd", None)
            yield (
                photo.boxes,
                photo.keypoints,
                np.zeros(len(photo.boxes), bool) if crowd is None else crowd,
            )


class LabelledPersons:
    """All persons of a data set, photo by photo in flat arrays.

    Every labelled keypoint is a candidate; a crowd's are, too, but nobody's.

    Args:
        source: see ``photos``.
        more_than: only persons with more labelled keypoints are taught (MultiPoseNet 4.1: 2).
        reach: a person is ``crowded`` if somebody else's keypoint lies in the box or up to this
            share of its size outside.

    Attributes:
        boxes: ``(n, 4)`` float32 xyxy pixels; those of a photo stand together.
        photo: ``(n,)`` row of the person's photo.
        taught, crowded: ``(n,)`` bool.
        count: ``(n,)`` labelled keypoints of the person.
        points: ``(c, 2)`` float32 xy pixels, the candidates; those of a photo stand together.
        keypoint, owner: ``(c,)`` their keypoint and the row of their person, -1 for nobody.
        box_start, point_start: ``(photos + 1,)`` where the rows of each photo start.
        keypoints: K.

    Raises:
        AnnotationError: nobody has enough keypoints.
    """

    def __init__(self, source, more_than=2, reach=2 * MARGIN):
        triples = [p for p in photos(source) if len(p[0])]
        name = getattr(source, "path", "training data")
        if not triples:
            raise _nobody(name, more_than)
        boxes, keypoints, crowd = (np.concatenate(part) for part in zip(*triples, strict=True))
        counts = np.array([len(p[0]) for p in triples])
        self.boxes = boxes.astype(np.float32)
        self.photo = np.repeat(np.arange(len(counts)), counts)
        self.box_start = np.concatenate([[0], np.cumsum(counts)])
        visible = keypoints[..., 2] > 0
        self.num_keypoints = visible.shape[1]
        self.count = visible.sum(axis=1)
        self.taught = (self.count > more_than) & ~crowd.astype(bool)
        if not self.taught.any():
            raise _nobody(name, more_than)
        person, self.keypoint = np.nonzero(visible)
        self.points = keypoints[person, self.keypoint, :2].astype(np.float32)
        self.owner = np.where(crowd[person], NOBODY, person)
        self.owner_size = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 1)[person]
        per_photo = np.bincount(self.photo[person], minlength=len(counts))
        self.point_start = np.concatenate([[0], np.cumsum(per_photo)])
        self.crowded = self._crowded(reach)

    def __len__(self):
        return len(self.boxes)

    @property
    def areas(self):
        """``(n,)`` of the boxes, in square pixels."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1)

    def points_of(self, photos):
        """Rows of the candidates of some photos, and which of these photos each is of."""
        starts = self.point_start[photos]
        return expand(starts, self.point_start[photos + 1] - starts)

    def _crowded(self, reach, chunk=20000):
        crowded = np.zeros(len(self), bool)
        for start in range(0, len(self), chunk):
            rows = np.arange(start, min(start + chunk, len(self)))
            points, of = self.points_of(self.photo[rows])
            places = relative(self.points[points], self.boxes[rows[of]])
            foreign = within(places, reach) & (self.owner[points] != rows[of])
            crowded[rows] = np.bincount(of[foreign], minlength=len(rows)) > 0
        return crowded


def _nobody(name, more_than):
    return AnnotationError(
        f"{name}: keypoints: no person has more than {more_than}; give annotations with keypoints"
    )


def expand(starts, counts):
    """Numbers ``starts[i], starts[i] + 1, ...``, ``counts[i]`` of them, and the i of each."""
    of = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return np.arange(len(of)) - first[of] + starts[of], of


def relative(points, boxes):
    """``(..., 2)`` places of points ``(..., 2)`` in boxes ``(..., 4)`` xyxy, 0...1 inside them.

    As ``roi_crop.relative_places``, in NumPy.
    """
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)
    return (points - boxes[..., :2]) / size


def relative_to_all(points, boxes):
    """``(..., N, K, P, 2)``: ``relative`` of points ``(..., K, P, 2)`` and each of N boxes."""
    return relative(points[..., None, :, :, :], boxes[..., :, None, None, :])


def within(places, margin=MARGIN):
    """``(...)`` bool: which relative places ``(..., 2)`` lie in the box or its margin."""
    return ((places >= -margin) & (places <= 1 + margin)).all(axis=-1)


def owned(boxes, box_owners, points, owners):
    """What an assigner that makes no mistake knows of every box and candidate.

    Args:
        boxes: ``(..., N, 4)`` xyxy.
        box_owners: ``(..., N)`` int, whose boxes they are.
        points: ``(..., K, P, 2)`` xy, the candidates of every keypoint.
        owners: ``(..., K, P)`` int, whose candidates they are.

    Returns:
        Two of ``(..., N, K, P)`` bool: the candidate is of the box's person; it lies in the box or
        its margin.
    """
    own = owners[..., None, :, :] == box_owners[..., None, None]
    return own, within(relative_to_all(points, boxes))


def cells(places):
    """Bilinear weights of places on the grid of a crop, as ``roi_crop.grid_weights`` has them.

    Args:
        places: ``(M, 2)`` relative to the box.

    Returns:
        ``(M, 4)`` int32 cells, row * 36 + column, and their float32 weights, which sum to 1.
    """
    size = np.array([WIDTH, HEIGHT])
    position = np.clip(places * size - 0.5, 0, size - 1)
    low = np.minimum(position.astype(np.int32), size - 2)
    part = position - low
    column = low[:, :1] + [0, 1, 0, 1]
    row = low[:, 1:] + [0, 0, 1, 1]
    along_x = np.where([False, True, False, True], part[:, :1], 1 - part[:, :1])
    along_y = np.where([False, False, True, True], part[:, 1:], 1 - part[:, 1:])
    return (row * WIDTH + column).astype(np.int32), (along_x * along_y).astype(np.float32)
