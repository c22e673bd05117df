"""Loading of weight files without the silent gaps that Keras allows."""

import threading
import warnings

from multiposenet import checksums

_ONE_AT_A_TIME = threading.Lock()  # filters of warnings belong to the process


def load_completely(model, path):
    """``model.load_weights(path)`` that raises wherever Keras only warns that it skips something.

    A file with a checksum beside it is compared with that first.

    Args:
        model: ``keras.Model``.
        path: ``.weights.h5`` file.

    Raises:
        WeightsError: the checksum is another.
        Exception: of a kind that depends on what is damaged, missing or does not fit.
    """
    checksums.check(path)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping")
        model.load_weights(path)
