"""Images whose pixels are labels, such as masks."""

import os
import warnings

import numpy as np

from multiposenet.errors import InputError
from multiposenet.sources.image_files import opened
from multiposenet.sources.pixels import DEFAULT_LIMITS, Limits


def read_labels(path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Reads an image whose pixels are labels, such as a mask, with the values that it stores.

    `read_image` would turn a palette into colours.

    Args:
        path: the file, grey or with a palette.
        limits: what it may cost.

    Returns:
        (H, W) uint8.

    Raises:
        InputError: the file is missing, not an image, or not of one 8-bit channel.
    """
    with opened(path, limits) as image:
        labels = np.array(image)
    if labels.ndim != 2 or labels.dtype not in (np.uint8, bool):
        found = "one channel" if labels.ndim == 2 else f"{labels.shape[-1]} channels"
        found = f"{found} of {labels.dtype}"
        raise InputError(f"{path}: mask: {found}, not one 8-bit channel; save it as a grey PNG")
    return labels.astype(np.uint8)


def read_person_mask(path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Reads a mask of persons: 0 background, 1 person, 2 ignored.

    Many tools write 0 and 255 for background and person: that is read as 0 and 1, with a warning.

    Args:
        path: the file, grey or with a palette.
        limits: what it may cost.

    Returns:
        (H, W) uint8 of 0, 1 and 2.

    Raises:
        InputError: as for `read_labels`, or there are other values.
    """
    labels = read_labels(path, limits)
    values = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    if values.tolist() in ([255], [0, 255]):
        # The text is the same for all files, so that Python shows it once.
        warnings.warn("masks of 0 and 255 are read as 0 and 1: background, person", stacklevel=2)
        return labels // 255
    if values.max(initial=0) > 2:
        raise InputError(
            f"{path}: mask: has the value {values[values > 2][0]}; "
            "use 0 background, 1 person, 2 ignored"
        )
    return labels
