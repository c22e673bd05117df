"""Average precision of assigners against the level of what detectors get wrong.

The paper gives the PRN the keypoints of other methods (MultiPoseNet, table 4). Here the other
method is the ground truth made worse by `degradation`, so that every cause of errors has an axis of
its own, and perfect grouping of the same detections shows what grouping alone cannot mend. An
assigner can still do better where keypoints are missing, since it also says where it would expect
them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.networks.pose_residual_network import (
    Max,
    NearestCentre,
    UnaryConditionalRelationship,
)
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.training.grouping.degradation import Degradation, Detected, degrade
from multiposenet.training.grouping.labelled_persons import owned, within

LEVELS = {
    "jitter": (0.0, 0.01, 0.02, 0.04, 0.06, 0.08),
    "missing": (0.0, 0.1, 0.2, 0.4, 0.6),
    "spurious": (0.0, 0.25, 0.5, 1.0, 2.0),
    "loose": (0.0, 0.1, 0.2, 0.3, 0.4),
    "duplicate": (0.0, 0.25, 0.5, 0.75, 1.0),
}
PERFECT = "perfect"
_PLACES = 1200  # boxes times candidates per keypoint that an assigner gets at once
_NOWHERE = (-2e4, -2e4, -1e4, -1e4)

# (boxes (B, N, 4), keypoints (B, K, P, 3)) -> keypoints (B, N, K, 3) and scores (B, N)
Grouper = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def grouper(assigner, **options) -> Grouper:
    """`assigner.group` in the form that `measure` takes; options are those of `group`."""

    def group(boxes, keypoints):
        found = assigner.group(boxes, keypoints, **options)
        triples = np.concatenate([found.keypoints, found.keypoint_scores[..., None]], axis=-1)
        return triples, found.scores

    return group


def rivals(prn, labels: CocoAnnotations) -> dict[str, Grouper]:
    """The PRN and the baselines by name.

    Args:
        prn: a trained `PoseResidualNetwork`.
        labels: persons from whom UCR learns its prior.
    """
    ucr = UnaryConditionalRelationship(labels.skeleton.num_keypoints)
    ucr.prior.assign(mean_crop(labels))
    assigners = {"PRN": prn, "UCR": ucr, "nearest to box centre": NearestCentre(), "Max": Max()}
    return {name: grouper(assigner) for name, assigner in assigners.items()}


def measure(
    group: Grouper | None, annotations: CocoAnnotations, detected: list[Detected]
) -> dict[str, float]:
    """COCO's keypoint figures of what an assigner makes of detections.

    A pose's score is the assigner's times its box's. Poses on duplicate boxes count as false ones,
    as in any evaluation.

    Args:
        group: of `grouper`; None groups perfectly: every box gets its owner's keypoints if they
            lie in it or its margin, and a duplicate box gets nothing.
        annotations: the truth.
        detected: what was detected on each of its photos.

    Returns:
        The dict of `evaluation.evaluate_keypoints`.
    """
    results = []
    sizes = [(len(d.boxes), d.keypoints.shape[1]) for d in detected]
    order = sorted((i for i, size in enumerate(sizes) if min(size)), key=sizes.__getitem__)
    for batch in _batches(order, sizes):
        found = [detected[i] for i in batch]
        keypoints, scores = _perfect(found) if group is None else group(*_padded(found))
        for row, number in enumerate(batch):
            for box, score in enumerate(found[row].box_scores):
                results.append(
                    {
                        "image_id": annotations.images[number].id,
                        "category_id": annotations.category_id,
                        "keypoints": keypoints[row][box].ravel().tolist(),
                        "score": float(scores[row][box] * score),
                    }
                )
    return evaluate_keypoints(annotations, results)


def sweep(
    groupers: Mapping[str, Grouper],
    annotations: CocoAnnotations,
    levels: Mapping[str, tuple[float, ...]] = LEVELS,
    seed: int = 0,
    progress: Callable[[list[tuple[str, float]]], Iterable] = iter,
) -> list[dict]:
    """AP at every level of every kind of error, one kind at a time.

    Args:
        groupers: by name.
        annotations: labels of photos; the photos themselves are not needed.
        levels: kind -> levels; see `Degradation`.
        seed: of the errors.
        progress: goes through the list of all (kind, level).

    Returns:
        A row for each kind and level: `kind`, `level`, and NAME/AP in 0...100 for each grouper and
        for "perfect".
    """
    known, rows = {}, []
    points = [(kind, level) for kind, chosen in levels.items() for level in chosen]
    for kind, level in progress(points):
        wrong = Degradation(**{kind: level})
        if wrong not in known:  # level 0 is the same for all kinds
            detected = [degrade(record, wrong, seed) for record in annotations.images]
            known[wrong] = {
                f"{name}/AP": 100 * measure(group, annotations, detected)["keypoints/AP"]
                for name, group in {PERFECT: None, **groupers}.items()
            }
        rows.append({"kind": kind, "level": level, **known[wrong]})
    return rows


def mean_crop(annotations: CocoAnnotations, blur: float = 1.0) -> np.ndarray:
    """Where each keypoint usually is in a person's box: UCR's prior (MultiPoseNet, equation 2).

    Args:
        annotations: persons with more than two keypoints count.
        blur: standard deviation in cells.

    Returns:
        (56, 36, K) float32, the chance that the keypoint is in the cell.

    Raises:
        AnnotationError: there is no such person.
    """
    from scipy.ndimage import gaussian_filter

    persons = annotations.persons
    present = persons.keypoints[..., 2] > 0
    chosen = (present.sum(axis=1) > 2) & ~persons.crowd
    if not chosen.any():
        raise AnnotationError(
            f"{annotations.path}: keypoints: no person has more than two; "
            "give annotations with keypoints"
        )
    present, boxes = present[chosen], persons.xywh[chosen, None]
    places = persons.keypoints[chosen, :, :2] - boxes[..., :2]
    places = places / np.maximum(boxes[..., 2:], 1e-3)
    present &= within(places)
    cells = np.clip((places * (WIDTH, HEIGHT)).astype(int), 0, (WIDTH - 1, HEIGHT - 1))
    prior = np.zeros((HEIGHT, WIDTH, present.shape[1]))
    person, keypoint = np.nonzero(present)
    np.add.at(
        prior, (cells[person, keypoint, 1], cells[person, keypoint, 0], keypoint), 1 / len(present)
    )
    return gaussian_filter(prior, (blur, blur, 0)).astype(np.float32)


def _batches(order: list[int], sizes) -> Iterator[list[int]]:
    """Runs of photos, ordered by their numbers of boxes, that go through an assigner at once."""
    batch, most = [], 0
    for number in order:
        boxes, candidates = sizes[number]
        most = max(most, candidates)
        if batch and (len(batch) + 1) * boxes * most > _PLACES:
            yield batch
            batch, most = [], candidates
        batch.append(number)
    if batch:
        yield batch


def _padded(detected: list[Detected]):
    people = max(len(d.boxes) for d in detected)
    candidates = max(d.keypoints.shape[1] for d in detected)
    num_keypoints = detected[0].keypoints.shape[0]
    boxes = np.tile(np.array(_NOWHERE, np.float32), (len(detected), people, 1))
    keypoints = np.zeros((len(detected), num_keypoints, candidates, 3), np.float32)
    for row, found in enumerate(detected):
        boxes[row, : len(found.boxes)] = found.boxes
        keypoints[row, :, : found.keypoints.shape[1]] = found.keypoints
    return boxes, keypoints


def _perfect(detected: list[Detected]):
    keypoints, scores = [], []
    for found in detected:
        first = np.zeros(len(found.boxes), bool)
        first[np.unique(found.box_owners, return_index=True)[1]] = True
        places = found.keypoints[..., :2]
        own, inside = owned(found.boxes, found.box_owners, places, found.owners)
        own = own & inside & first[:, None, None]  # (N, K, P)
        chosen = own.argmax(axis=-1)
        triples = found.keypoints[np.arange(chosen.shape[1]), chosen]
        keypoints.append(np.where(own.any(axis=-1)[..., None], triples, 0))
        scores.append(own.any(axis=-1).mean(axis=-1))
    return keypoints, scores
