"""A function that processes can import: batches of a number, and what may go wrong."""

import os
import signal

import numpy as np

from multiposenet.errors import InputError


def numbered(step):
    """Results of growing size, or an error, or the end of the process."""
    if step == "photo":
        raise InputError("a.jpg: file: missing; restore it")
    if step == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"step": np.full((step, 1000), step), "none": None}, os.environ["KERAS_BACKEND"]
