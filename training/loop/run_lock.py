"""A stage of a run is trained by one process at a time."""

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path

from multiposenet.errors import InputError
from multiposenet.files import file_lock


@contextmanager
def run_lock(path):
    """Holds the lock of a stage, see ``file_lock.held``.

    Args:
        path: of the lock file, ``RUN/STAGE.lock``.

    Raises:
        InputError: another process holds it.
        OSError: the file cannot be made.
    """
    try:
        with file_lock.held(path):
            yield
    except file_lock.Held as error:
        raise InputError(
            f"{path}: lock: another process trains this stage in this folder; wait for its "
            "end, stop it, or use another folder"
        ) from error


@contextmanager
def stage_locks(run, names):
    """Holds the locks of stages, by name; of processes that share a training one locks, later.

    Raises:
        As ``run_lock``.
    """
    with ExitStack() as locks:
        if not {"TF_CONFIG", "KERAS_DISTRIBUTION_NUM_PROCESSES"} & {*os.environ}:
            for name in names:
                locks.enter_context(run_lock(Path(run) / f"{name}.lock"))
        yield
