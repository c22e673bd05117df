"""Rows of a table whose networks are trained alike, and their runs, trained once each."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from multiposenet.errors import WeightsError
from multiposenet.skeleton import COCO_17
from multiposenet.training import datasets, pipeline, run_folder
from multiposenet.training.recipes.base import Recipe


@dataclass(frozen=True)
class TrainedRow:
    """A row whose network is trained by the table's recipe.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        changes: of the recipe.
        than: name of the row whose figures this one's are compared with; None: with nothing.
    """

    name: str
    title: str
    changes: dict = field(default_factory=dict)
    than: str | None = None


class TrainedRuns:
    """Runs of a stage that differ in fields of one recipe.

    Args:
        stage: name, of ``registry.STAGES``.
        recipe: of all runs.
        folder: of the runs, each of which has a folder of its own there and goes on from its last
            checkpoint.
        train: names of data sets, ``FORMAT:FOLDER``; without any, what is missing stays so.
    """

    def __init__(self, stage: str, recipe: Recipe, folder, train=()):
        self.stage, self.recipe = stage, recipe
        self._folder, self._train, self._samples = Path(folder), train, None

    def run(self, name: str, **changes) -> tuple[Path, Recipe]:
        """A finished run.

        Args:
            name: of its folder.
            **changes: of the recipe.

        Returns:
            Its folder and its recipe.

        Raises:
            WeightsError: it is not there, and there is nothing to train it on.
        """
        folder, recipe = self._folder / name, replace(self.recipe, **changes)
        if not run_folder.finished(folder, self.stage):
            self._fit(folder, recipe)
        return folder, recipe

    def _fit(self, folder, recipe):
        if not self._train:
            raise WeightsError(f"{folder}: not trained: give --train")
        if self._samples is None:
            self._samples = [s for name in self._train for s in datasets.read(name, COCO_17)]
        pipeline.train(self.stage, self._samples, folder, recipe, resume=True)
