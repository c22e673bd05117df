"""How well an assigner gives true keypoints to true boxes (MultiPoseNet, table 3).

    python -m multiposenet.training.grouping.assignment person_keypoints_val2017.json

prints the assignment AP of the bundled PRN; ``multiposenet tables prn`` that of all assigners.
"""

import sys

import numpy as np
from keras import ops

from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.maths import matching
from multiposenet.networks import grouping
from multiposenet.networks.assigner import choose
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.systems import estimator
from multiposenet.training.grouping.labelled_persons import owned, relative

BATCH = 64
RULES = ("each", *matching.METHODS)
PLACES = ("candidate", "cell")


def perfect(boxes, points, scores, owner):
    """What ``grouping.assign`` would return for an assigner that knows the truth."""
    people = np.broadcast_to(np.arange(boxes.shape[1]), boxes.shape[:2])
    own, inside = owned(boxes, people, points, owner)
    logits = np.where(own, 30.0, -30.0)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    expected = np.repeat(centre[:, :, None], points.shape[1], axis=2)
    return logits, scores[:, None] * inside, expected


class AssignmentScores:
    """An assigner's logits of all true keypoints and boxes, from which any rule chooses.

    Args:
        assigner: a ``PoseResidualNetwork`` or another ``Assigner``; None for one that makes no
            mistake, the ceiling: it loses keypoints too far from their box and those that two
            persons share.
        annotations: ``CocoAnnotations`` with boxes and keypoints.
    """

    def __init__(self, assigner, annotations):
        self.annotations = annotations
        # Photos with as many persons go together: shapes are few and little is padding.
        records = sorted((r for r in annotations.images if len(r)), key=len)
        self.parts = []
        for start in range(0, len(records), BATCH):
            part = records[start : start + BATCH]
            boxes, points, scores, owner = _arrays(part)
            if assigner is None:
                assigned = perfect(boxes, points, scores, owner)
            else:
                assigned = grouping.assign(assigner, boxes, points, scores)
            assigned = [ops.convert_to_numpy(x) for x in assigned]
            self.parts.append((part, boxes, points, *assigned))

    def evaluate(self, rule="optimal", place="candidate", unassigned=-np.inf):
        """COCO's keypoint figures.

        A person's score is the mean probability of its candidates to belong to it.

        Args:
            rule: ``"each"``: every box takes its best candidate, whatever others take.
                ``"greedy"``, ``"optimal"``: a keypoint serves one person, see ``matching``.
            place: where a keypoint is said to be: at the ``"candidate"``'s own place, as in the
                authors' code (the assignment score), or in the centre of its ``"cell"`` of the
                36x56 grid (the localisation score).
            unassigned: what it is worth to leave a person without candidate. OKS does not punish
                keypoints too many, so that nothing is gained by holding one back.

        Returns:
            The dict of ``evaluation.evaluate_keypoints``.

        Raises:
            ValueError: unknown rule or place.
        """
        if rule not in RULES or place not in PLACES:
            raise ValueError(f"rule, place: {rule!r}, {place!r}; use one of {RULES}, {PLACES}")
        results = []
        for part in self.parts:
            results += _results(*part, self.annotations.category_id, rule, place, unassigned)
        return evaluate_keypoints(self.annotations, results)


def evaluate(assigner, annotations, rule="optimal", place="candidate"):
    """See ``AssignmentScores``, which serves several rules by one pass of the network."""
    return AssignmentScores(assigner, annotations).evaluate(rule, place)


def _arrays(records):
    """Padded ``boxes (B, N, 4)``, ``points (B, K, P, 2)``, ``scores (B, K, P)`` of photos, and
    whose candidates are, ``owner (B, K, P)``."""
    people, num_keypoints = max(map(len, records)), records[0].keypoints.shape[1]
    boxes = np.tile(np.array([0, 0, 1, 1], np.float32), (len(records), people, 1))
    points = np.full((len(records), num_keypoints, people, 2), -1e4, np.float32)
    scores = np.zeros((len(records), num_keypoints, people), np.float32)
    owner = np.full(scores.shape, -1)
    for row, record in enumerate(records):
        count = len(record)
        boxes[row, :count] = record.boxes
        # Shuffled: where an assigner is undecided, the order must not give the owner away.
        rng = np.random.default_rng(record.id % 2**32)
        order = rng.permuted(np.tile(np.arange(count), (num_keypoints, 1)), axis=1)
        shuffled = record.keypoints[order, np.arange(num_keypoints)[:, None]]
        points[row, :, :count] = shuffled[..., :2]
        scores[row, :, :count] = shuffled[..., 2] > 0
        owner[row, :, :count] = order
    return boxes, points, scores, owner


def _results(
    records, boxes, points, logits, candidate_scores, expected, category_id, rule, place, unassigned
):
    exclusive = None if rule == "each" else rule
    grouped = choose(
        logits, candidate_scores, expected, points, exclusive=exclusive, unassigned=unassigned
    )
    keypoints, found = grouped.keypoints, grouped.index >= 0
    if place == "cell":
        keypoints = np.where(found[..., None], _cell_centres(keypoints, boxes), keypoints)
    triples = np.concatenate([keypoints, found[..., None]], axis=-1)
    return [
        {
            "image_id": record.id,
            "category_id": category_id,
            "keypoints": triples[row, person].ravel().tolist(),
            "score": float(grouped.scores[row, person]),
        }
        for row, record in enumerate(records)
        for person in range(len(record))
    ]


def _cell_centres(points, boxes):
    """Centres of the cells of ``(B, N, K, 2)`` points in the crops of ``(B, N, 4)`` boxes."""
    cells = np.array([WIDTH, HEIGHT])
    corner = boxes[:, :, None, :2]
    size = np.maximum(boxes[:, :, None, 2:] - corner, 1e-3)
    cell = np.clip(np.floor(relative(points, boxes[:, :, None]) * cells), 0, cells - 1)
    return corner + (cell + 0.5) / cells * size


if __name__ == "__main__":
    bundled = estimator.load("multiposenet-nano").model
    assigned = AssignmentScores(bundled.prn, CocoAnnotations.load(sys.argv[1]))
    for rule in RULES:
        for name, value in assigned.evaluate(rule).items():
            print(f"{rule}\t{name.replace('keypoints', 'assignment')}\t{100 * value:.1f}")
