"""What all assigners share: ``group``, for the keypoints and boxes of any detector."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from multiposenet.maths import matching
from multiposenet.networks import grouping


class Grouped(NamedTuple):
    """Every person's keypoints, as NumPy arrays; with a leading B for a batch.

    Attributes:
        keypoints: ``(N, K, 2)`` float32 xy pixels: a candidate's own place or, where the box has
            none, the place where the assigner would expect the keypoint most.
        keypoint_scores: ``(N, K)`` float32, the candidates' own scores; 0 where there is none.
        probabilities: ``(N, K)`` float32, the assigner's belief that the candidate is this
            person's; 0 where there is none. Without meaning for the untrained baselines.
        index: ``(N, K)`` int64, the candidate's number among those of its keypoint; -1 for none.
        scores: ``(N,)`` float32 pose scores: the mean over the keypoints found of probability times
            candidate's score; 0 without any.
    """

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    probabilities: np.ndarray
    index: np.ndarray
    scores: np.ndarray


class Assigner(keras.Model):
    """Base of the Pose Residual Network and its rivals.

    A subclass has ``num_keypoints`` (None: any number) and ``logits(crops, training)``, or
    overrides ``assign`` if it needs to see more than the crop of one box.
    """

    num_keypoints = None

    def assign(self, boxes, points, scores):
        """As ``grouping.assign``."""
        return grouping.assign_by_crops(self, boxes, points, scores)

    def group(self, boxes, keypoints, *, score_exponent=1.0, exclusive=None, unassigned=-np.inf):
        """Groups the keypoints of any detector into the person boxes of any detector.

        Args:
            boxes: ``(N, 4)`` xyxy pixels, the persons of one image; or ``(B, N, 4)``, a batch.
            keypoints: the candidates of every keypoint, in the same pixels and wherever they lie: a
                list of K arrays ``(P_k, 3)`` of x, y, score, or ``(P_k, 2)`` for a score of 1
                each; or one padded array ``(K, P, 3)``, score 0 marking unused rows. For a batch
                a list of B of these, or ``(B, K, P, 3)``. Scores are in 0...1.
            score_exponent: how much a candidate's own score counts against the assigner; 0 trusts
                the assigner alone.
            exclusive: None: every box takes its best candidate, whatever others take. One
                candidate for at most one box: ``"greedy"`` or ``"optimal"`` (see ``matching``).
            unassigned: with ``exclusive``, the log odds below which a candidate goes to nobody. By
                default what is left is given away: OKS does not punish keypoints too many, and
                ``probabilities`` tells them apart. 0 holds back what is more likely not the
                person's.

        Returns:
            A ``Grouped``.

        Raises:
            ValueError: shapes, numbers or ``exclusive`` are not as above.
        """
        if exclusive is not None and exclusive not in matching.METHODS:
            known = ", ".join(map(repr, matching.METHODS))
            raise ValueError(f"exclusive: {exclusive!r}; give None or one of: {known}")
        boxes, points, scores, single = _read(boxes, keypoints, self.num_keypoints)
        if min(boxes.shape[1], points.shape[2]):
            assigned = [ops.convert_to_numpy(x) for x in self.assign(boxes, points, scores)]
        else:
            assigned = _nothing(boxes, points)
        grouped = choose(*assigned, points, score_exponent, exclusive, unassigned)
        dtypes = Grouped(np.float32, np.float32, np.float32, np.int64, np.float32)
        grouped = (x[0 if single else ...] for x in grouped)
        return Grouped(*(x.astype(dtype) for x, dtype in zip(grouped, dtypes, strict=True)))


def choose(
    logits,
    candidate_scores,
    expected,
    points,
    score_exponent=1.0,
    exclusive=None,
    unassigned=-np.inf,
):
    """The choice that ``Assigner.group`` makes of what ``assign`` returns.

    Args:
        logits: ``(B, N, K, P)``, as the next two of ``grouping.assign``.
        candidate_scores: ``(B, N, K, P)``.
        expected: ``(B, N, K, 2)`` xy pixels.
        points: ``(B, K, P, 2)`` xy pixels of the candidates.
        score_exponent, exclusive, unassigned: as of ``Assigner.group``.

    Returns:
        A ``Grouped`` of the batch, in the precision of the arguments.
    """
    preference = np.where(
        candidate_scores > 0, logits + score_exponent * np.log(candidate_scores + 1e-9), -np.inf
    )
    if preference.shape[-1] == 0:
        index = np.full(preference.shape[:-1], matching.NOBODY)
    elif exclusive is None:
        best = preference.argmax(axis=-1)
        possible = np.isfinite(preference.max(axis=-1))
        index = np.where(possible, best, matching.NOBODY)
    else:
        index = one_to_one(preference, exclusive, unassigned)
    found = index >= 0
    safe = np.maximum(index, 0)[..., None]

    def chosen(values):
        if not found.any():
            return np.zeros(index.shape, np.float32)
        return np.where(found, np.take_along_axis(values, safe, axis=-1)[..., 0], 0)

    keypoint_scores = chosen(candidate_scores)
    # By tanh: the exponential of a large logit would overflow.
    probabilities = chosen(0.5 + 0.5 * np.tanh(logits / 2))
    places = [
        np.broadcast_to(points[:, None, ..., axis], candidate_scores.shape) for axis in (0, 1)
    ]
    keypoints = np.stack([chosen(place) for place in places], axis=-1)
    keypoints = np.where(found[..., None], keypoints, expected)
    count = np.maximum(found.sum(axis=-1), 1)
    pose_scores = (probabilities * keypoint_scores).sum(axis=-1) / count
    return Grouped(keypoints, keypoint_scores, probabilities, index, pose_scores)


def one_to_one(log_odds, method, unassigned=0.0):
    """Candidates given to one box each, keypoint by keypoint.

    Args:
        log_odds: ``(B, N, K, P)``; ``-inf`` marks impossible pairs.
        method: ``"greedy"`` or ``"optimal"``.
        unassigned: see ``matching.greedy``.

    Returns:
        ``(B, N, K)`` int64, -1 for none.
    """
    assign = matching.METHODS[method]
    index = np.full(log_odds.shape[:3], matching.NOBODY)
    possible = np.isfinite(log_odds)
    # Most columns are impossible for most: padding, and other people's boxes.
    for image, keypoint in np.argwhere(possible.any(axis=(1, 3))):
        people = np.flatnonzero(possible[image, :, keypoint].any(axis=-1))
        candidates = np.flatnonzero(possible[image, :, keypoint].any(axis=0))
        chosen = assign(log_odds[image, people[:, None], keypoint, candidates], unassigned)
        index[image, people, keypoint] = np.where(chosen < 0, chosen, candidates[chosen])
    return index


def _nothing(boxes, points):
    """The result of ``assign`` where there is no box or no candidate."""
    shape = (*boxes.shape[:2], *points.shape[1:3])
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    expected = np.broadcast_to(centre[:, :, None], (*shape[:3], 2))
    return np.zeros(shape, np.float32), np.zeros(shape, np.float32), expected


def _read(boxes, keypoints, num_keypoints):
    """Checked ``boxes (B, N, 4)``, ``points (B, K, P, 2)``, ``scores (B, K, P)``; whether B = 1
    image was given without a leading dimension."""
    boxes = _numbers("boxes", boxes, "give (N, 4) xyxy pixels")
    if boxes.size == 0 and boxes.ndim < 3:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4:
        raise ValueError(f"boxes: shape {boxes.shape}; give (N, 4) xyxy pixels, or (B, N, 4)")
    crossed = np.argwhere((boxes[..., 2:] < boxes[..., :2]).any(axis=-1))
    if len(crossed):
        row = tuple(int(i) for i in crossed[0])
        raise ValueError(f"boxes: row {row} is {boxes[row].tolist()}; give x1, y1, x2, y2")
    single = boxes.ndim == 2
    boxes = boxes[None] if single else boxes
    images = [keypoints] if single else list(keypoints)
    if len(images) != len(boxes):
        raise ValueError(f"keypoints: {len(images)} images, but boxes are of {len(boxes)}")
    images = [[_candidates(j, rows) for j, rows in enumerate(image)] for image in images]
    counts = {len(image) for image in images} | ({num_keypoints} if num_keypoints else set())
    if len(counts) > 1:
        wanted = (
            f"; this assigner has {num_keypoints}"
            if num_keypoints
            else " in the images of one batch"
        )
        found = ", ".join(str(len(image)) for image in images[:3])
        raise ValueError(
            f"keypoints: {found} keypoints{wanted}; give candidates for each, maybe none"
        )
    most = max((len(rows) for image in images for rows in image), default=0)
    padded = np.zeros((len(images), max(counts, default=0), most, 3), np.float32)
    for i, image in enumerate(images):
        for keypoint, rows in enumerate(image):
            padded[i, keypoint, : len(rows)] = rows
    return boxes.astype(np.float32), padded[..., :2], padded[..., 2], single


def _candidates(keypoint, rows):
    name = f"keypoints of keypoint {keypoint}"
    rows = _numbers(name, rows, "give rows of x, y, score")
    rows = rows.reshape(0, 3) if rows.size == 0 else rows
    if rows.ndim != 2 or rows.shape[1] not in (2, 3):
        raise ValueError(f"{name}: shape {rows.shape}; give (P, 3) rows of x, y, score")
    if rows.shape[1] == 2:
        rows = np.column_stack([rows, np.ones(len(rows))])
    if rows[:, 2].size and not 0 <= rows[:, 2].min() <= rows[:, 2].max() <= 1:
        raise ValueError(f"{name}: scores reach {rows[:, 2].min():g} to {rows[:, 2].max():g}; "
                         "scale them to 0...1")  # fmt: skip
    return rows


def _numbers(name, values, remedy):
    try:
        values = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not an array of numbers; {remedy}") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: not finite; leave such rows out")
    return values
