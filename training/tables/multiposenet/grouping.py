"""Keypoints and boxes, true and found, put together (MultiPoseNet, table 3, right, and table 4).

The rest is equal in all rows: how candidates are chosen, and what a pose scores.
"""

from dataclasses import dataclass, replace

import numpy as np
from keras import ops

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError, WeightsError
from multiposenet.evaluation import coco
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import Max, UnaryConditionalRelationship
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator, pose_scores
from multiposenet.training.grouping.degradation_sweep import mean_crop
from multiposenet.training.tables.multiposenet import detections
from multiposenet.training.tables.system_rows import FIGURES, SystemRow, SystemTable

TRUE, OWN = "true", "own"


@dataclass(frozen=True)
class GroupingRow:
    """A row of the tables.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        boxes: ``"true"`` or the model's ``"own"``.
        keypoints: likewise; or a system whose poses are taken apart, of ``registry.SYSTEMS``.
        assigner: ``"prn"``, ``"ucr"`` or ``"max"``.
    """

    name: str
    title: str
    boxes: str = OWN
    keypoints: str = OWN
    assigner: str = "prn"


ROWS = (
    GroupingRow("3-true", "true keypoints, true boxes", TRUE, TRUE),
    GroupingRow("3-true-keypoints", "true keypoints, our boxes", OWN, TRUE),
    GroupingRow("3-true-boxes", "our keypoints, true boxes", TRUE, OWN),
    GroupingRow("3-prn", "PRN"),
    GroupingRow("3-ucr", "UCR", assigner="ucr"),
    GroupingRow("3-max", "Max", assigner="max"),
    SystemRow("4-rmpe", "RMPE (paper: Cao et al.)", "rmpe"),
    GroupingRow("4-prn-rmpe", "PRN, keypoints of RMPE (paper: of Cao et al.)", keypoints="rmpe"),
    SystemRow("4-grmi", "G-RMI (paper: Newell et al.)", "grmi"),
    GroupingRow(
        "4-prn-grmi", "PRN, keypoints of G-RMI (paper: of Newell et al.)", keypoints="grmi"
    ),
)
PAPER = {
    "3-true": (89.4, 97.1, 91.2, 87.9, 91.8),
    "3-true-keypoints": (75.3, 82.1, 78.0, 70.1, 84.5),
    "3-true-boxes": (65.1, 89.2, 76.2, 60.3, 74.7),
    "3-prn": (64.3, 88.2, 75.0, 59.6, 73.9),
    "3-ucr": (49.7, 59.5, 52.4, 44.1, 51.6),
    "3-max": (45.3, 55.1, 48.8, 40.6, 46.9),
    "4-rmpe": (58.4, 81.5, 62.6, 54.4, 65.1),
    "4-prn-rmpe": (59.2, 82.2, 64.4, 54.1, 67.0),
    "4-grmi": (56.9, 80.8, 61.3, 49.9, 68.8),
    "4-prn-grmi": (58.1, 81.4, 63.0, 51.3, 68.1),
}
"""AP, AP50, AP75, APM, APL on COCO val2017."""


_SYSTEMS = {row.system: row for row in ROWS if isinstance(row, SystemRow)}


class GroupingTable:
    """Measures ``GroupingRow``s.

    Args:
        systems: the ``SystemTable`` of the same photos, whose systems' poses are taken apart.
        train: file of COCO labels that UCR learns from; None: that row stays empty.
    """

    def __init__(self, systems: SystemTable, train=None):
        self.systems, self.train = systems, train
        self.annotations = systems.annotations
        if self.annotations.skeleton.keypoints != COCO_17.keypoints:
            raise InputError(
                f"{self.annotations.path}: keypoints: not those of {COCO_17.name}; measure on such "
                "labels"
            )
        self._own = None
        self._pose = None

    def measure(self, row: GroupingRow) -> dict:
        """``FIGURES`` of a row, 0 to 100; or ``missing``, saying what is not there."""
        try:
            assigner = self._assigner(row.assigner)
        except WeightsError as error:
            return {"missing": str(error)}
        found, options = self._detections()
        foreign = [None] * len(found)
        if row.keypoints not in (TRUE, OWN):
            foreign = self.systems.poses(_SYSTEMS[row.keypoints])
        if row.keypoints == TRUE:  # whose scores do not tell which are the best in a box
            options = replace(options, candidates_per_box=None)
        results = []
        for own, poses in zip(found, foreign, strict=True):
            labels = detections.of_labels(own.record)
            sources = {TRUE: labels, OWN: own}
            points = sources.get(row.keypoints) or _taken_apart(own, poses)
            results += self._results(assigner, sources[row.boxes], points, options)
        figures = coco.evaluate_keypoints(self.annotations, results)
        return {name: 100 * figures[f"keypoints/{name}"] for name in FIGURES}

    def _results(self, assigner, people, keypoints, options):
        if not len(people.boxes) or not keypoints.points.shape[1]:
            return []
        places, scores = grouping.group(
            assigner,
            people.boxes[None],
            keypoints.points[None],
            keypoints.point_scores[None],
            options.score_exponent,
            options.candidates_per_box,
            people.box_scores[None] if options.exclusive else None,
        )
        places, scores = (ops.convert_to_numpy(values)[0] for values in (places, scores))
        of_poses = pose_scores.pose_scores("geometric", people.box_scores, scores)
        triples = np.concatenate([places, scores[..., None]], axis=-1)
        return [
            {
                "image_id": people.record.id,
                "category_id": self.annotations.category_id,
                "keypoints": pose.ravel().tolist(),
                "score": float(score),
            }
            for pose, score in zip(triples, of_poses, strict=True)
        ]

    def _detections(self):
        if self._own is None:
            pose = self._model()
            self._own = detections.of_model(pose, self.annotations.images, self.systems.frames())
        return self._own, self._model().model.options

    def _model(self):
        if self._pose is None:
            self._pose = estimator.load(self.systems.model, score=0.0)
        return self._pose

    def _assigner(self, name):
        if name == "prn":
            return self._model().model.prn
        if name == "max":
            return Max()
        if self.train is None:
            raise WeightsError("UCR's prior: no labels to learn it from; give --train coco:FOLDER")
        assigner = UnaryConditionalRelationship(COCO_17.num_keypoints)
        assigner.prior.assign(mean_crop(CocoAnnotations.load(self.train, COCO_17)))
        return assigner


def _taken_apart(own, poses):
    """The keypoints of poses as candidates."""
    return detections.Detections(
        own.record,
        poses.boxes,
        poses.box_scores,
        np.swapaxes(poses.keypoints, 0, 1),
        np.swapaxes(poses.keypoint_scores, 0, 1),
    )
