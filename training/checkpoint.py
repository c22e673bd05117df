"""Files that appear whole or not at all, among them the complete state of a training."""

import json
import os
import re
import zipfile
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from multiposenet.errors import WeightsError


@contextmanager
def whole(path):
    """A temporary path beside ``path`` that takes its place if the block ends without an error.

    The file's content is on the disk before its name is, so that a crash of the machine cannot
    leave an empty file under the name either.

    Args:
        path: of the finished file; its suffixes are those of the temporary one, too.

    Yields:
        The temporary path.

    Raises:
        OSError: it cannot be written, for example because the disk is full. The message is one
            line; a file that was there before is as it was.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    except (OSError, RuntimeError) as error:
        plain = _disk_error(error, path)
        if plain is None:
            raise
        raise plain from error
    finally:
        partial.unlink(missing_ok=True)


def save(model, path):
    """Writes a model's weights (``.weights.h5``) so that a reader never sees half a file."""
    with whole(path) as partial:
        model.save_weights(partial, overwrite=True)


def write_json(path, data):
    """Writes JSON so that a reader never sees half a file."""
    with whole(path) as partial:
        partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def save_state(path, stage, notes):
    """Writes all that a training goes on from.

    Args:
        path: ``.npz`` file.
        stage: compiled ``keras.Model``: its weights, batch statistics, random states and optimizer.
        notes: what else belongs to the state, as JSON takes it.
    """
    arrays = [keras.ops.convert_to_numpy(variable) for variable in _variables(stage)]
    with whole(path) as partial, open(partial, "wb") as file:
        np.savez(file, *arrays, notes=np.array(json.dumps(notes)))


def load_state(path, stage):
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


def _disk_error(error, path):
    """The one-line ``OSError`` behind what the libraries raise when a file cannot be written."""
    number = getattr(error, "errno", None)
    if number is None:  # HDF5 tells it in words
        told = re.search(r"errno = (\d+)", str(error))
        number = int(told.group(1)) if told else None
    if number is None:
        return None
    return OSError(number, f"{os.strerror(number)}; nothing written before is lost", str(path))


def _sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
