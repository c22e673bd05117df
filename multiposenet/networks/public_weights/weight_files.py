"""Loading of weight files without the silent gaps that Keras allows."""

import math
import threading
import warnings

import h5py

from multiposenet.errors import WeightsError
from multiposenet.files import checksums

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
    _check_datasets(model, path)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping")
        model.load_weights(path)


def load_fitting(model, path, remedy):
    """`load_completely` whose every failure is a `WeightsError`.

    Args:
        model, path: as there.
        remedy: what else to do than to restore the file.

    Raises:
        WeightsError: the file is missing, damaged or of another network.
    """
    try:
        load_completely(model, path)
    except WeightsError:
        raise
    except Exception as error:  # depends on what does not fit
        raise WeightsError(
            f"{path}: weights: damaged or of another network; restore the file or {remedy}"
        ) from error


def is_plain(dataset):
    """Whether an HDF5 dataset has its values in its own file, and not in any other there is."""
    return not dataset.external and not dataset.is_virtual


def _check_datasets(model, path):
    """HDF5 claims any number of values in few bytes, which reading them makes real."""
    sizes = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            if not is_plain(item):
                raise ValueError(f"{name} has its values in another file")
            sizes.append(item.nbytes)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    values = sum(math.prod(weight.shape) for weight in model.weights)
    # In float64, and with an optimizer's two moments of each.
    if sum(sizes) > 3 * 8 * values + (1 << 20):
        raise ValueError(f"the file holds {sum(sizes):,} bytes for {values:,} values of the model")
