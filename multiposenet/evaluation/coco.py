"""The COCO measures: keypoints, person boxes and person masks. Arrays in, numbers out.

Equal to pycocotools' `COCOeval` on the person category, without its loops. All numbers are in
0...1, or -1 where there is nothing to find (no ground truth of that size).
"""

from collections.abc import Callable

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation.average_precision import THRESHOLDS, Detections, Truths, evaluate
from multiposenet.json_table import JsonTable, fail
from multiposenet.maths.similarity import keypoint_similarity

_SMALL, _LARGE, _LIMIT = 32.0**2, 96.0**2, 1e5**2
ALL_SIZES = (0.0, _LIMIT)
"""Areas of the persons that AP is about, in square pixels."""
_AP50, _AP75 = 0, 5  # in THRESHOLDS


def evaluate_keypoints(annotations: CocoAnnotations, results: list[dict]) -> dict[str, float]:
    """Keypoint measures by OKS: at most 20 persons per photo, OKS 0.50, 0.55 ... 0.95.

    As in pycocotools a person without labelled keypoints is ignored, and matches poses by how far
    they leave its box, grown to three times its size; a result's area is that of its `bbox` if it
    has one, otherwise of the box around its keypoints.

    Args:
        annotations: the ground truth.
        results: COCO results: `image_id`, `keypoints` (3K numbers x, y, score in pixels), `score`,
            optionally `bbox` (x, y, width, height) and `category_id`; those of another category
            are left out.

    Returns:
        `keypoints/` AP, AP50, AP75, APM, APL, AR, AR50, AR75, ARM, ARL.

    Raises:
        AnnotationError: a result lacks a field, is malformed, or is of an unknown image.
    """
    precision, recall = _keypoint_curves(annotations, results)
    measures = {}
    for name, values in (("AP", precision[..., 0]), ("AR", recall[:, None, :, 0])):
        measures[name] = values[:, :, 0]
        measures[f"{name}50"] = values[_AP50, :, 0]
        measures[f"{name}75"] = values[_AP75, :, 0]
        measures[f"{name}M"] = values[:, :, 1]
        measures[f"{name}L"] = values[:, :, 2]
    return {f"keypoints/{name}": _mean(values) for name, values in measures.items()}


def evaluate_boxes(annotations: CocoAnnotations, results: list[dict]) -> dict[str, float]:
    """Box measures by IoU: at most 1, 10 or 100 boxes per photo, IoU 0.50, 0.55 ... 0.95.

    Args:
        annotations: the ground truth.
        results: COCO results: `image_id`, `bbox` (x, y, width, height in pixels) and `box_score`,
            or `score` where that is missing; optionally `category_id`, and results of another
            category are left out.

    Returns:
        `boxes/` AP, AP50, AP75, APS, APM, APL, AR1, AR10, AR100, ARS, ARM, ARL.

    Raises:
        AnnotationError: a result lacks a field, is malformed, or is of an unknown image.
    """
    precision, recall = _box_curves(annotations, results)
    measures = {
        "AP": precision[:, :, 0, 2],
        "AP50": precision[_AP50, :, 0, 2],
        "AP75": precision[_AP75, :, 0, 2],
        **{f"AP{size}": precision[:, :, i, 2] for i, size in enumerate("SML", 1)},
        **{f"AR{limit}": recall[:, 0, i] for i, limit in enumerate((1, 10, 100))},
        **{f"AR{size}": recall[:, i, 2] for i, size in enumerate("SML", 1)},
    }
    return {f"boxes/{name}": _mean(values) for name, values in measures.items()}


def precision_curves(
    annotations: CocoAnnotations, results: list[dict], kind: str
) -> dict[str, np.ndarray]:
    """Precision against recall, from which the measures are taken (MultiPoseNet, figure 5).

    Args:
        annotations: the ground truth.
        results: as for `evaluate_keypoints` or `evaluate_boxes`.
        kind: "keypoints" or "boxes".

    Returns:
        For the sizes "all", "medium" and "large", and "small" of boxes: (10, 101) precision at
        `average_precision.THRESHOLDS` of OKS or IoU and `average_precision.RECALLS`; -1 where
        there is nobody of the size. Its mean is the AP.

    Raises:
        AnnotationError: a result lacks a field, is malformed, or is of an unknown image.
        ValueError: unknown kind.
    """
    if kind == "keypoints":
        sizes, curves = ("all", "medium", "large"), _keypoint_curves
    elif kind == "boxes":
        sizes, curves = ("all", "small", "medium", "large"), _box_curves
    else:
        raise ValueError(f"kind: unknown name {kind!r}; use 'keypoints' or 'boxes'")
    precision, _ = curves(annotations, results)
    return {size: precision[:, :, index, -1] for index, size in enumerate(sizes)}


def _keypoint_curves(annotations, results) -> tuple[np.ndarray, np.ndarray]:
    """As `average_precision.evaluate`, for all, medium and large persons and 20 poses."""
    sizes = [ALL_SIZES, (_SMALL, _LARGE), (_LARGE, _LIMIT)]
    return evaluate(*keypoint_pairs(annotations, results), sizes, [20])


def keypoint_pairs(
    annotations: CocoAnnotations, results: list[dict], path="COCO results"
) -> tuple[Truths, Detections, Callable]:
    """What `average_precision.evaluate` compares: persons, results in their order, and their OKS.

    Args:
        annotations: the ground truth.
        results: as for `evaluate_keypoints`.
        path: of the results, for messages.

    Raises:
        AnnotationError: a result lacks a field, is malformed, or is of an unknown image.
    """
    skeleton, persons = annotations.skeleton, annotations.persons
    table, image_order, images = read_results(annotations, results, path)
    numbers = 3 * skeleton.num_keypoints
    poses = table.vectors("keypoints", numbers, f"give {numbers} numbers x, y, score")
    poses = [np.ascontiguousarray(poses[:, axis::3]) for axis in (0, 1)]
    lows, highs = ([reduce(v, axis=1) for v in poses] for reduce in (np.min, np.max))
    areas = (highs[0] - lows[0]) * (highs[1] - lows[1])
    boxed, boxes = result_boxes(table)
    areas[boxed] = boxes[:, 2] * boxes[:, 3]
    labels = [np.ascontiguousarray(persons.keypoints[:, :, axis]) for axis in (0, 1)]
    visible = persons.keypoints[:, :, 2] > 0
    unlabelled = ~visible.any(axis=1)
    counted = visible | unlabelled[:, None]
    starts, ends = _reach(labels, visible, persons.areas, skeleton.sigmas)

    def similarity(detection, truth):
        near = np.ones(len(truth), bool)
        for axis in (0, 1):
            near &= lows[axis][detection] <= ends[axis][truth]
            near &= highs[axis][detection] >= starts[axis][truth]
        values = np.zeros(len(truth))
        values[near] = oks(detection[near], truth[near])
        return values

    def oks(detection, truth):
        squared, free = 0.0, np.flatnonzero(unlabelled[truth])
        for axis in (0, 1):
            place = poses[axis][detection]
            offset = place - labels[axis][truth]
            # Without labelled keypoints, what counts is how far a pose leaves the grown box.
            start, size = persons.xywh[truth[free], axis], persons.xywh[truth[free], axis + 2]
            before = (start - size)[:, None] - place[free]
            beyond = place[free] - (start + size * 2)[:, None]
            offset[free] = np.maximum(before, 0) + np.maximum(beyond, 0)
            squared = squared + offset**2
        return keypoint_similarity(squared, counted[truth], persons.areas[truth], skeleton.sigmas)

    truths = Truths(
        image_order[persons.image],
        persons.areas,
        persons.crowd,
        persons.crowd | (persons.num_keypoints == 0),
    )
    return truths, Detections(images, areas, result_scores(table, "score")), similarity


def _reach(labels, visible, areas, sigmas) -> tuple[list, list]:
    """Along x and y, (G,) where a pose must begin and end to reach the lowest of the thresholds.

    OKS is a mean, so a keypoint of it must reach the threshold by itself: exp(-d^2 / (2 s^2
    kappa^2)) bounds its distance. A pose that lies farther from all of a person's keypoints need
    not be compared. There is no bound where nothing is labelled.
    """
    farthest = 2 * np.max(sigmas) * np.sqrt(2 * np.log(1 / THRESHOLDS[0]) * areas)
    farthest = 1.01 * farthest + 1e-6  # so that rounding never counts
    none = ~visible.any(axis=1)
    starts, ends = [], []
    for places in labels:
        start = np.where(visible, places, np.inf).min(axis=1) - farthest
        end = np.where(visible, places, -np.inf).max(axis=1) + farthest
        starts.append(np.where(none, -np.inf, start))
        ends.append(np.where(none, np.inf, end))
    return starts, ends


def _box_curves(annotations, results) -> tuple[np.ndarray, np.ndarray]:
    """As `average_precision.evaluate`, for all, small, medium and large persons and 1, 10 and 100
    boxes."""
    persons = annotations.persons
    table, image_order, images = read_results(annotations, results)
    boxes = table.vectors("bbox", 4, "give x, y, width, height")
    areas = boxes[:, 2] * boxes[:, 3]
    truth_areas = persons.xywh[:, 2] * persons.xywh[:, 3]

    def similarity(detection, truth):
        # The order of operations is pycocotools': equality at a threshold depends on it.
        ours, theirs = boxes[detection], persons.xywh[truth]
        end = np.minimum(ours[:, 2:] + ours[:, :2], theirs[:, 2:] + theirs[:, :2])
        sides = end - np.maximum(ours[:, :2], theirs[:, :2])
        common = sides[:, 0] * sides[:, 1]
        both = np.where(
            persons.crowd[truth],
            areas[detection],
            areas[detection] + truth_areas[truth] - common,
        )
        overlap = (sides > 0).all(axis=1)
        return np.divide(common, both, out=np.zeros(len(common)), where=overlap)

    return evaluate(
        Truths(image_order[persons.image], persons.areas, persons.crowd, persons.crowd),
        Detections(images, areas, result_scores(table, "box_score", "score")),
        similarity,
        [(0, _LIMIT), (0, _SMALL), (_SMALL, _LARGE), (_LARGE, _LIMIT)],
        [1, 10, 100],
    )


def read_results(
    annotations: CocoAnnotations, results: list[dict], path="COCO results"
) -> tuple[JsonTable, np.ndarray, np.ndarray]:
    """The D results of the annotated category, the order of the images, and theirs.

    Images are evaluated in the order of their ids: (I,) is the place of each annotated image in
    that order, (D,) the place of each result's image.

    Raises:
        AnnotationError: a result is no object, or of an unknown image, or all are of another
            category; it names `path`.
    """
    table = JsonTable(path, "result", results)
    table.optional("category_id", minimum=-np.inf)
    wanted = annotations.category_id
    # Compared as Python numbers: as floats, ids of 2^53 and more are equal to their neighbours.
    kept = [row.get("category_id") in (None, wanted) for row in table.rows]
    if table.rows and not any(kept):
        found = sorted({row["category_id"] for row in table.rows})
        fail(
            path,
            "category_id",
            f"all {len(table):,} results are of category {', '.join(map(str, found[:3]))}; "
            f"the annotations' is {wanted}",
            f"use the category id of {annotations.path}",
        )
    rows = table.rows
    if not all(kept):
        rows = [row for row, keep in zip(rows, kept, strict=True) if keep]
    if numbers := annotations.image_numbers:  # results may give the text or the number
        named = [row.get("image_id") for row in rows]
        named = [numbers.get(name, name) if isinstance(name, str) else name for name in named]
        rows = [row | {"image_id": name} for row, name in zip(rows, named, strict=True)]
    if rows is not table.rows:
        table = JsonTable(path, "result", rows)
    ids, known = table.integers("image_id"), np.sort(annotations.image_ids)
    remedy = f"use the image ids of {annotations.path}"
    table.fail_first(~np.isin(ids, known), "image_id", "{} is not annotated", remedy)
    return table, np.searchsorted(known, annotations.image_ids), np.searchsorted(known, ids)


def result_boxes(table: JsonTable) -> tuple[np.ndarray, np.ndarray]:
    """(D,) bool, the results that have a `bbox`, and (B, 4) xywh, the boxes of these."""
    boxed = np.array([_is_given(row.get("bbox")) for row in table.rows], dtype=bool)
    return boxed, table.select(boxed).vectors("bbox", 4, "give x, y, width, height")


def _is_given(box) -> bool:
    return box is not None and not (isinstance(box, list | tuple | np.ndarray) and not len(box))


def result_scores(table: JsonTable, *fields: str) -> np.ndarray:
    """(D,) the first of the fields that each result has."""
    scores, missing = np.zeros(len(table)), np.ones(len(table), bool)
    for field in fields:
        values, given = table.optional(field, minimum=-np.inf)
        scores = np.where(missing & given, values, scores)
        missing &= ~given
    table.fail_first(missing, fields[-1], "missing", "give every result a score")
    return scores


def _mean(values: np.ndarray) -> float:
    """Mean of what is defined, -1 if nothing is."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else -1.0


class MaskIoU:
    """Intersection over union of the person mask, summed over all photos.

    Persons are not told apart: a pixel is person or not. The measure is the intersection of all
    photos together over their union, as PASCAL VOC has it for a class, so that it weighs pixels
    and not photos.

    Args:
        threshold: probability from which a pixel is person.
        person: label of persons in the truth.
        ignored: labels of pixels that do not count, such as crowds.
    """

    def __init__(self, threshold: float = 0.5, person: int = 1, ignored: tuple[int, ...] = (2,)):
        self.threshold = threshold
        self.person = person
        self.ignored = ignored
        self.intersection = 0
        self.union = 0

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Adds a photo.

        Args:
            prediction: (H, W) person probability, or bool.
            truth: (H, W) integer labels.

        Raises:
            ValueError: the shapes differ.
        """
        prediction, truth = np.asarray(prediction), np.asarray(truth)
        if prediction.shape != truth.shape or truth.ndim != 2:
            raise ValueError(
                f"prediction: shape {prediction.shape} against truth {truth.shape}; "
                "resize the prediction to the photo"
            )
        if prediction.dtype != bool:
            prediction = prediction >= self.threshold
        counted = ~np.isin(truth, self.ignored)
        person = truth == self.person
        self.intersection += int(np.count_nonzero(prediction & person & counted))
        self.union += int(np.count_nonzero((prediction | person) & counted))

    def result(self) -> dict[str, float]:
        """Returns `masks/IoU` over all photos so far; -1 if no pixel was person in either."""
        return {"masks/IoU": self.intersection / self.union if self.union else -1.0}
