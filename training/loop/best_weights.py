"""The weights of a training's best validation, and when it has waited long enough for better."""

import keras
import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.files.writing import atomic_write, remove_partials


class BestWeights:
    """``RUN/NAME_best.npz``: the weights that a stage would have been left with at its best.

    The first figure of a validation decides, more being better.

    Args:
        run: folder, a ``Path``.
        stage: the ``keras.Model``.
        recipe: gives ``keep_best``, ``patience`` and ``validate_every``.
        monitor: a ``Monitor``, whose state tells the best validation.
        writes: whether this process writes the file.
    """

    def __init__(self, run, stage, recipe, monitor, writes):
        self.path = run / f"{stage.name}_best.npz"
        self.stage, self.recipe, self.monitor, self.writes = stage, recipe, monitor, writes
        self._values = None

    @property
    def step(self):
        """Of the best validation; None before the first."""
        best = self.monitor.state["best"]
        return best and best["step"]

    def begin(self):
        """Takes up what the run so far has kept, after the checkpoint's state is there.

        Raises:
            WeightsError: its file is missing, damaged or of another stage.
        """
        if self.writes:
            remove_partials(self.path)
        if not (self.recipe.keep_best and self.step):
            return
        try:
            with np.load(self.path, allow_pickle=False) as file:
                values = [file[f"arr_{index}"] for index in range(len(self.stage.weights))]
        except (OSError, KeyError, ValueError, EOFError) as error:
            raise WeightsError(
                f"{self.path}: file: missing or damaged; restore it, or use another folder"
            ) from error
        if [v.shape for v in values] != [tuple(w.shape) for w in self.stage.weights]:
            raise WeightsError(f"{self.path}: weights: of another stage; use another folder")
        self._values = values

    def validated(self, step):
        """Keeps the stage's weights if the validation of this step was the best."""
        if not self.recipe.keep_best or self.step != step:
            return
        self._values = [keras.ops.convert_to_numpy(weight) for weight in self.stage.weights]
        if self.writes:
            with atomic_write(self.path) as partial, open(partial, "wb") as file:
                np.savez(file, *self._values)

    def given_up(self, step):
        """Whether the last ``patience`` validations brought nothing better."""
        waited = self.recipe.patience * self.recipe.validate_every
        return waited > 0 and self.step is not None and step - self.step >= waited

    def restore(self):
        """Gives the stage the best weights; their step, None if there are none."""
        if self._values is None:
            return None
        for weight, value in zip(self.stage.weights, self._values, strict=True):
            weight.assign(value)
        return self.step
