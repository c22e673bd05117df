"""The complete state of a training: a checkpoint that it goes on from as if never stopped."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np

from multiposenet.errors import InputError, WeightsError
from multiposenet.files.writing import atomic_write, remove_partials

# Of a stage's files: checkpoint, record, log, plot.
_SUFFIXES = (".npz", ".json", ".jsonl", ".png")


def checkpoint_path(run, stage):
    """Where a run keeps the checkpoint of a stage, given the stage's name."""
    return Path(run) / f"{stage}.npz"


class Checkpoint:
    """``RUN/NAME.npz``: all that changes in a step.

    The stage's weights, batch statistics, random states and optimizer; the state of the schedule;
    what the monitor has collected; the number of steps done.

    Args:
        run: folder.
        stage: the ``keras.Model``; compiled before the first use of the checkpoint.
        schedule: with an attribute ``state``, a dict that JSON takes; so is the monitor.
        monitor: a ``Monitor``.
        record: the ``RunRecord``.
        engine: the ``Engine``.
    """

    def __init__(self, run, stage, schedule, monitor, record, engine):
        self.path = checkpoint_path(run, stage.name)
        self.stage, self.schedule, self.monitor = stage, schedule, monitor
        self.record, self.engine = record, engine

    def begin(self, resume):
        """Puts everything into the checkpoint's state, or makes the first checkpoint.

        The initial weights are in the first one: a run killed before its second checkpoint goes
        on from the same weights.

        Args:
            resume: whether to go on from the checkpoint, if there is one.

        Returns:
            The number of steps done.

        Raises:
            InputError: there is a checkpoint and ``resume`` is not set, or it is of another recipe.
            WeightsError: the checkpoint is damaged or does not fit; the stage is as it was.
        """
        step, found = 0, self.path.exists()
        if found:
            if not resume:
                raise InputError(
                    f"{self.path}: checkpoint: of an earlier run; go on with --resume or use "
                    "another folder"
                )
            self.record.go_on()
            notes = _load(self.path, self.stage)
            step = notes["step"]
            self.schedule.state, self.monitor.state = notes["schedule"], notes["monitor"]
        self.engine.wait_for_all()  # all have looked before one writes
        if self.engine.writes:
            # Whoever trains holds the stage's lock.
            remove_partials(*map(self.path.with_suffix, _SUFFIXES))
            self.record.start(step, self.engine)
            if not found:
                self.store(0)
        return step

    def store(self, step):
        """Writes the checkpoint; the one before stays until this one is whole."""
        if self.engine.writes:
            notes = {"step": step, "schedule": self.schedule.state, "monitor": self.monitor.state}
            _save(self.path, self.stage, notes)


def _save(path, stage, notes):
    """Writes all that a training goes on from.

    Args:
        path: ``.npz`` file.
        stage: compiled ``keras.Model``: its weights, batch statistics, random states and optimizer.
        notes: what else belongs to the state, as JSON takes it.
    """
    arrays = [keras.ops.convert_to_numpy(variable) for variable in _variables(stage)]
    with atomic_write(path) as partial, open(partial, "wb") as file:
        np.savez(file, *arrays, notes=np.array(json.dumps(notes)))


def _load(path, stage):
    """Puts a stage into the state that ``save_state`` wrote.

    Returns:
        The notes.

    Raises:
        WeightsError: the file is damaged or does not fit; the stage is as it was.
    """
    variables = _variables(stage)
    try:
        with np.load(path, allow_pickle=False) as file:
            notes = json.loads(str(file["notes"]))
            if len(file) - 1 != len(variables):
                raise ValueError(f"it holds {len(file) - 1} variables, not {len(variables)}")
            values = [file[f"arr_{index}"] for index in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if value.shape != tuple(variable.shape):
                raise ValueError(f"{variable.path}: {value.shape} is not {tuple(variable.shape)}")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path}: checkpoint: does not fit this stage ({reason}); "
            "use the recipe that it was made with, or start anew in another folder"
        ) from error
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return notes


def _variables(stage):
    """Everything that one step leaves to the next, in an order that the construction decides."""
    passing = {id(variable) for variable in stage.metrics_variables}  # reset before every step
    return [
        variable
        for variable in stage.variables + stage.optimizer.variables
        if id(variable) not in passing
    ]
