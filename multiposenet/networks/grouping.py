"""Grouping: every person's box picks one candidate per keypoint, by an assigner."""

import numpy as np
from keras import ops

from multiposenet.maths.top_k import pick
from multiposenet.networks import roi_crop
from multiposenet.networks.exclusive_choice import IMPOSSIBLE, yield_to_better


def group(assigner, boxes, points, scores, score_exponent=1.0, candidates=None, box_scores=None):
    """Picks, for every box and keypoint, the candidate that the assigner and its score favour.

    All boxes of the batch go through the assigner in one call.

    Args:
        assigner: a ``PoseResidualNetwork`` or another ``Assigner``.
        boxes: ``(B, N, 4)`` xyxy pixels.
        points: ``(B, K, P, 2)`` xy pixels, candidates of every keypoint; see ``Codec.decode``.
        scores: ``(B, K, P)`` in [0, 1]; 0 marks an unused candidate.
        score_exponent: how much a candidate's own score counts against the assigner.
        candidates: of every keypoint, a box sees only so many, the best that lie in it. For
            assigners that look at one box at a time.
        box_scores: ``(B, N)`` in [0, 1]. If given, a candidate serves one box: the one that is
            most likely to be a person whose keypoint it is, by the assigner and by its score. The
            others take what they prefer next.

    Returns:
        ``keypoints (B, N, K, 2)`` xy pixels, each a candidate's own place, and
        ``keypoint_scores (B, N, K)``. A keypoint without candidate in the box has score 0 and the
        place where the assigner would expect it most.
    """
    people, (num_keypoints, count) = boxes.shape[1], points.shape[1:3]
    few = candidates is not None and candidates < count
    identity = ops.arange(count, dtype="int32")
    if few:  # as many images of one box each, with candidates of their own
        points, scores, identity = _best_within(boxes, points, scores, candidates)
        points, scores = (ops.reshape(x, (-1, *x.shape[2:])) for x in (points, scores))
        boxes = ops.reshape(boxes, (-1, 1, 4))
        count = candidates
    logits, scores, expected = assign(assigner, boxes, points, scores)
    preference = logits + score_exponent * ops.log(scores + 1e-9)
    if box_scores is not None:
        together = (-1, people, num_keypoints, count)
        possible = ops.reshape(ops.where(scores > 0, preference, IMPOSSIBLE), together)
        claim = ops.log_sigmoid(ops.reshape(logits, together))
        claim = claim + ops.log(box_scores + 1e-9)[..., None, None]
        left = yield_to_better(possible, claim, ops.broadcast_to(identity, ops.shape(possible)))
        preference = ops.reshape(left, ops.shape(preference))
        scores = ops.where(preference > IMPOSSIBLE, scores, 0.0)
    keypoints, scores = _choose(preference, scores, expected, points)
    return ops.reshape(keypoints, (-1, people, num_keypoints, 2)), ops.reshape(
        scores, (-1, people, num_keypoints)
    )


def _best_within(boxes, points, scores, count):
    """Points ``(B, N, K, count, 2)``, scores and numbers of the best candidates in every box."""
    boxes, points, scores = map(ops.convert_to_tensor, (boxes, points, scores))
    inside = roi_crop.relative_places(points, boxes)[2]
    scores, best = ops.top_k(scores[:, None] * inside, count)
    return _points_of(points, best), scores, best


def _points_of(points, indices):
    """Of points ``(B, K, P, 2)`` those that ``indices (B, N, K, n)`` name: ``(B, N, K, n, 2)``."""
    num_keypoints, count = points.shape[1:3]
    # All candidates in a row: no transposition, of which each takes TensorFlow a while.
    start = ops.arange(num_keypoints, dtype=indices.dtype)[:, None] * count
    flat = ops.reshape(indices + start, (-1, int(np.prod(indices.shape[1:]))))
    taken = pick(ops.reshape(points, (-1, num_keypoints * count, 2)), flat)
    return ops.reshape(taken, (-1, *indices.shape[1:], 2))


def _choose(preference, candidate_scores, expected, points):
    """The places ``(B, N, K, 2)`` of the preferred candidates and their scores ``(B, N, K)``."""
    # Not argmax: Keras' own handles -0.0 by bits, which no converter to ONNX or OpenVINO knows.
    best = ops.top_k(preference, 1)[1]
    keypoint_scores = pick(candidate_scores, best)[..., 0]
    chosen = _points_of(ops.convert_to_tensor(points, "float32"), best)[..., 0, :]
    return ops.where(keypoint_scores[..., None] > 0, chosen, expected), keypoint_scores


def assign(assigner, boxes, points, scores):
    """The assigner's logit of every candidate for every box, before any choice.

    Args: as ``group``.

    Returns:
        ``logits (B, N, K, P)``; ``candidate_scores (B, N, K, P)``: the candidates' scores, 0 where
        the candidate lies outside the box and its margin; ``expected (B, N, K, 2)``: centre of the
        cell with the highest logit, xy pixels; of use where the box has no candidate.
    """
    return assigner.assign(boxes, points, scores)


def assign_by_crops(assigner, boxes, points, scores):
    """``assign`` of an assigner that looks at the crop of one box at a time."""
    boxes, points, scores = (ops.convert_to_tensor(x, "float32") for x in (boxes, points, scores))
    rows, columns, inside = roi_crop.grid_weights(points, boxes)
    crops = roi_crop.crop(rows, columns, scores)
    maps = assigner.logits(crops, training=False)
    logits = roi_crop.read(rows, columns, maps)
    candidate_scores = scores[:, None] * inside
    return logits, candidate_scores, roi_crop.highest_cell(maps, boxes)
