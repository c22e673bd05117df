"""How well an assigner gives true keypoints to true boxes (MultiPoseNet table 3).

    python -m multiposenet.training.assignment person_keypoints_val2017.json

prints the assignment AP of the bundled PRN.
"""

import sys

import numpy as np
from keras import ops

from multiposenet import estimator
from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.networks import grouping

BATCH = 64


def evaluate(assigner, annotations):
    """COCO's keypoint figures when every box picks among all true keypoints of its photo.

    Candidates keep their own coordinates, as in the authors' code. A person's score is the mean
    probability of its candidates to belong to it.

    Args:
        assigner: a ``PoseResidualNetwork`` or another assigner.
        annotations: ``CocoAnnotations`` with boxes and keypoints.

    Returns:
        The dict of ``evaluation.evaluate_keypoints``.
    """
    # Photos with as many persons go together: shapes are few and little is padding.
    records = sorted((r for r in annotations.images if len(r.boxes)), key=lambda r: len(r.boxes))
    results = []
    for start in range(0, len(records), BATCH):
        results += _results(assigner, records[start : start + BATCH], annotations.category_id)
    return evaluate_keypoints(annotations, results)


def _results(assigner, records, category_id):
    people, joints = len(records[-1].boxes), records[0].keypoints.shape[1]
    boxes = np.tile(np.array([0, 0, 1, 1], np.float32), (len(records), people, 1))
    points = np.full((len(records), joints, people, 2), -1e4, np.float32)
    scores = np.zeros((len(records), joints, people), np.float32)
    for row, record in enumerate(records):
        count = len(record.boxes)
        boxes[row, :count] = record.boxes
        points[row, :, :count] = record.keypoints[..., :2].transpose(1, 0, 2)
        scores[row, :, :count] = record.keypoints[..., 2].T > 0
    assigned = grouping.assign(assigner, boxes, points, scores)
    keypoints, found = map(ops.convert_to_numpy, grouping.choose(*assigned, points))
    logits, evidence, _ = map(ops.convert_to_numpy, assigned)
    best = np.where(evidence > 0, logits, -30).max(axis=-1)
    probability = found / (1 + np.exp(-np.clip(best, -30, 30)))
    results = []
    for row, record in enumerate(records):
        for person in range(len(record.boxes)):
            triples = np.column_stack([keypoints[row, person], found[row, person]])
            total = max(found[row, person].sum(), 1.0)
            results.append(
                {
                    "image_id": record.id,
                    "category_id": category_id,
                    "keypoints": triples.ravel().tolist(),
                    "score": float(probability[row, person].sum() / total),
                }
            )
    return results


if __name__ == "__main__":
    bundled = estimator.load("multiposenet-nano").model
    for name, value in evaluate(bundled.prn, CocoAnnotations.load(sys.argv[1])).items():
        print(f"{name.replace('keypoints', 'assignment')}\t{100 * value:.1f}")
