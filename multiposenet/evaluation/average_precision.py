"""Average precision and recall of detections, by the rules of the COCO evaluation.

The rules (https://cocodataset.org/#detection-eval): in each image, detections take ground truths
greedily in the order of their scores, the best still free one above the threshold; ground truths
to be ignored (crowds, wrong size) are taken only when there is no other, and make the detection
ignored too; over all images, precision is read off at 101 recalls.

Nothing loops over images or detections in Python. Only pairs above the lowest threshold can ever
match, and they are few, so the greedy choice runs over the n-th such detection of all images at
once, for all thresholds and size ranges together; precision is computed only where it can change.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Written like this to be the same floating-point numbers as COCO's.
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)

# Pairs compared at a time: their keypoints then fit the processor's cache.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Truths:
    """G ground truths.

    Attributes:
        image: (G,) int, order of the image in the evaluation.
        areas: (G,) square pixels.
        crowd: (G,) bool, may be matched by any number of detections.
        ignored: (G,) bool, neither to be found nor to be counted as wrong; includes crowds.
    """

    image: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True, eq=False)
class Detections:
    """D detections.

    Attributes:
        image: (D,) int, order of the image in the evaluation.
        areas: (D,) square pixels.
        scores: (D,) confidence, of any scale.
    """

    image: np.ndarray
    areas: np.ndarray
    scores: np.ndarray


def evaluate(
    truths: Truths,
    detections: Detections,
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    area_ranges: list[tuple[float, float]],
    max_detections: list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall over all images, thresholds, size ranges and numbers of detections.

    Args:
        truths: the ground truths.
        detections: the detections; equal scores keep their order, images in their order first.
        similarity: gives the (P,) similarities, in 0...1, of P pairs from their (P,) detection
            and (P,) ground truth numbers.
        area_ranges: A ranges of areas, both ends included.
        max_detections: M numbers of best detections used per image, ascending.

    Returns:
        (T, R, A, M) precision at the T `THRESHOLDS` and R `RECALLS`, and (T, A, M) recall; -1
        where a size range has no ground truth.
    """
    order = np.lexsort((-detections.scores, detections.image))
    rank = _position_in_run(detections.image[order])
    # What a limit leaves out comes last in its image and cannot influence the rest.
    order, rank = order[rank < max_detections[-1]], rank[rank < max_detections[-1]]
    image, scores = detections.image[order], detections.scores[order]
    low, high = np.array(area_ranges, np.float64).T[..., None]
    regular = ~truths.ignored & (low <= truths.areas) & (truths.areas <= high)  # (A, G)
    inside = (low <= detections.areas[order]) & (detections.areas[order] <= high)  # (A, D)

    pair_detection, pair_truth = _pairs(image, truths.image)
    values = np.empty(len(pair_truth))
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        values[block] = similarity(order[pair_detection[block]], pair_truth[block])
    close = values >= THRESHOLDS[0]
    active, matched, found = _match(
        image, pair_detection[close], pair_truth[close], values[close], regular, truths.crowd
    )

    by_score = np.argsort(-scores, kind="stable")
    place = np.empty_like(by_score)
    place[by_score] = np.arange(len(by_score))
    active_order = np.argsort(place[active])
    active = active[active_order]
    matched, found = matched[active_order], found[active_order]  # (N, A, T)

    shape = (len(THRESHOLDS), len(area_ranges), len(max_detections))
    precision = np.full((len(RECALLS), *shape), -1.0)
    recall = np.full(shape, -1.0)
    for a in range(len(area_ranges)):
        wanted = np.count_nonzero(regular[a])
        if not wanted:
            continue
        for m, limit in enumerate(max_detections):
            used = rank < limit
            own = used[active]
            # (fp + tp) if nothing matched, at each detection of the score order.
            alone = np.cumsum((inside[a] & used)[by_score])[place[active[own]]]
            precision[:, :, a, m], recall[:, a, m] = _curves(
                alone, inside[a, active[own]], matched[own, a], found[own, a], wanted
            )
    return np.moveaxis(precision, 0, 1), recall


def _position_in_run(values: np.ndarray) -> np.ndarray:
    """0, 1, 2... within each run of equal neighbours."""
    index = np.arange(len(values))
    starts = np.ones(len(values), bool)
    starts[1:] = values[1:] != values[:-1]
    return index - np.maximum.accumulate(np.where(starts, index, 0))


def _pairs(image: np.ndarray, truth_image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (detection, truth) in one image, by detection, then in the order of truths."""
    by_image = np.argsort(truth_image, kind="stable")
    first = np.searchsorted(truth_image[by_image], image, side="left")
    count = np.searchsorted(truth_image[by_image], image, side="right") - first
    detection = np.repeat(np.arange(len(image)), count)
    return detection, by_image[np.repeat(first, count) + _position_in_run(detection)]


def _match(
    image: np.ndarray,
    pair_detection: np.ndarray,
    pair_truth: np.ndarray,
    values: np.ndarray,
    regular: np.ndarray,
    crowd: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greedy choice of truths for the detections that are close to any.

    Args:
        image: (D,) images of the detections, which are ordered by image and then by score.
        pair_detection: (P,) ascending.
        pair_truth: (P,) ascending for each detection.
        values: (P,) similarities.
        regular: (A, G) truths that are to be found in each size range.
        crowd: (G,) bool.

    Returns:
        (N,) the detections in a pair, (N, A, T) whether each is matched, and (N, A, T) whether
        it is matched with a regular truth.
    """
    areas, truths = regular.shape
    active, row = np.unique(pair_detection, return_inverse=True)
    slot = _position_in_run(pair_detection)
    width = slot.max(initial=0) + 1
    # Pad to the same number of candidates with a truth that no threshold admits. Candidates are
    # put in reverse, so that argmax prefers the last of equal ones as COCO does.
    candidate = np.full((len(active), width), truths)
    value = np.full((len(active), width), -1.0)
    candidate[row, width - 1 - slot] = pair_truth
    value[row, width - 1 - slot] = values
    is_regular = np.vstack([regular.T, np.zeros((1, areas), bool)])[..., None]  # (G + 1, A, 1)
    is_crowd = np.append(crowd, False)[:, None, None]

    taken = np.zeros((truths + 1, areas, len(THRESHOLDS)), bool)
    matched = np.zeros((len(active), areas, len(THRESHOLDS)), bool)
    found = np.zeros_like(matched)
    turn = _position_in_run(image[active])
    by_turn = np.argsort(turn, kind="stable")
    for now in np.split(by_turn, np.cumsum(np.bincount(turn))[:-1]) if len(turn) else ():
        choices = candidate[now]  # (n, C)
        similar = value[now][:, :, None, None]
        free = (similar >= THRESHOLDS) & (~taken[choices] | is_crowd[choices])  # (n, C, A, T)
        ours = free & is_regular[choices]
        any_ours = ours.any(axis=1)
        free = np.where(any_ours[:, None], ours, free)
        best = np.where(free, similar, -1.0).argmax(axis=1)  # (n, A, T)
        hit = free.any(axis=1)
        matched[now], found[now] = hit, any_ours
        chosen = np.take_along_axis(choices, best.reshape(len(now), -1), axis=1).reshape(best.shape)
        _, a, t = np.nonzero(hit)
        taken[chosen[hit], a, t] = True
    return active, matched, found


def _curves(
    alone: np.ndarray, inside: np.ndarray, matched: np.ndarray, found: np.ndarray, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Precision at the recalls, and the final recall, for one size range.

    A detection counts as true when it found a regular truth, as nothing when it matched another,
    and as false when it matched none and has itself the right size. Only the N detections close
    to some truth need to be looked at, in the order of their scores.

    Args:
        alone: (N,) detections of the right size up to and with this one, among all.
        inside: (N,) bool, of the right size.
        matched: (N, T) bool.
        found: (N, T) bool.
        wanted: number of regular truths.

    Returns:
        (R, T) precision and (T,) recall.
    """
    true = np.cumsum(found, axis=0)
    counted = alone[:, None] + np.cumsum(
        found.astype(np.int64) - (matched & inside[:, None]), axis=0
    )
    precision = np.where(found, true / (counted + np.spacing(1)), 0)
    # The best precision at this or any higher recall.
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    precision = np.vstack([precision, np.zeros((1, precision.shape[1]))])
    recall = true / wanted
    at = np.stack([np.searchsorted(column, RECALLS) for column in recall.T], axis=1)
    return np.take_along_axis(precision, at, axis=0), recall[-1] if len(recall) else recall.sum(0)
