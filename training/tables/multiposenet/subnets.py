"""Keypoint subnets and backbones (MultiPoseNet, table 2).

Rows are trained by one recipe (``recipes.TableKeypoints``), several times with other seeds, each in
a folder of its own from which it resumes:

    RUN/ROW-SEED      as ``pipeline.train`` leaves it
"""

import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.tables.system_rows import FIGURES
from multiposenet.training.tables.trained_runs import TrainedRow, TrainedRuns
from multiposenet.training.validation.keypoints import KeypointValidation, map_function


def _backbone(name, title, backbone):
    # The model of a ResNet has the paper's linear maps.
    changes = {"backbone": backbone, "pretrained": "imagenet", "loss": "l2"}
    return TrainedRow(name, title, changes)


ROWS = (
    TrainedRow("2-no-int", "no intermediate loss", {"intermediate": 0.0}),
    TrainedRow("2-no-concat", "no concatenation", {"concatenated": False}),
    TrainedRow("2-whole", "both"),
    _backbone("2-resnet50", "ResNet-50", "resnet50"),
    _backbone("2-resnet101", "ResNet-101", "resnet101"),
    _backbone("2-dilated", "ResNet-101, dilated", "resnet101_dilated"),
)
PAPER = {
    "2-no-int": (61.3, 83.7, 69.6, 56.6, 67.4),
    "2-no-concat": (62.1,),
    "2-whole": (63.9, 87.1, 73.2, 58.1, 72.2),
    "2-resnet50": (62.3,),
    "2-resnet101": (63.9, 87.1, 73.2, 58.1, 72.2),
    "2-dilated": (64.3, 88.2, 75.0, 59.6, 73.9),
}
"""AP, AP50, AP75, APM, APL on COCO val2017 as far as we have them; with ResNet-101 on the left."""


class SubnetTable:
    """Measures ``TrainedRow``s, after training them if they are not there.

    Args:
        annotations: ``CocoAnnotations`` of ``COCO_17`` to measure on.
        images: folder of their photos.
        runs: ``TrainedRuns`` of the stage keypoints.
        seeds: how often each row is trained.
    """

    def __init__(self, annotations, images, runs: TrainedRuns, seeds=2):
        self.annotations, self.images, self.runs, self.seeds = annotations, images, runs, seeds

    def measure(self, row: TrainedRow) -> dict:
        """``FIGURES`` of a row in true boxes and ``PCK``, 0 to 100, the mean over the seeds.

        Returns:
            Dict: besides these, ``spread`` and ``PCK/spread``, the standard deviations of AP and
            PCK over the seeds, and ``seeds``; or ``missing``, saying what is not there.
        """
        first = self.runs.recipe.seed
        try:
            every = [self._figures(row, first + seed) for seed in range(self.seeds)]
        except WeightsError as error:
            return {"missing": str(error)}
        means = {name: float(np.mean([own[name] for own in every])) for name in every[0]}
        spread, of_pck = (float(np.std([own[name] for own in every])) for name in ("AP", "PCK"))
        return {**means, "spread": spread, "PCK/spread": of_pck, "seeds": self.seeds}

    def _figures(self, row, seed):
        folder, recipe = self.runs.run(f"{row.name}-{seed}", **row.changes, seed=seed)
        model = run_folder.new_model(folder, recipe.backbone, COCO_17)
        run_folder.load_parts(model, folder, "keypoints")
        figures = KeypointValidation(
            map_function(model), self.annotations, self.images, recipe.validation_size
        ).figures()
        return {name: 100 * figures[f"keypoints/{name}"] for name in (*FIGURES, "PCK")}
