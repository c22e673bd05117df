"""Short texts that change when the training data do."""

import hashlib
import os
from pathlib import Path

import numpy as np

from multiposenet.errors import InputError


def fingerprint(samples, augment=None):
    """Sixteen hexadecimal digits over the photos' names and sizes and all labels, in order.

    The photos themselves are not read.

    Args:
        samples: list of ``datasets.Sample``.
        augment: the user's own augmentation; what its attribute ``description`` says, if it has
            one, counts as well.
    """
    digest = hashlib.sha256(getattr(augment, "description", "").encode())
    for sample in samples:
        digest.update(f"{sample.path.name} {tuple(sample.image_size)} {sample.has_mask}".encode())
        for array in (sample.boxes, sample.keypoints, sample.labelled, sample.crowd_boxes):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def of_arrays(arrays):
    """The same over arrays, their shapes included."""
    digest = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


class PhotoFiles:
    """The photos and masks of a training, by their sizes in bytes: they must stay what they are.

    They are read again and again while a training goes on. Their content is not looked at, which
    would take as long as an epoch; a file that is edited is hardly ever as long as before.

    Args:
        samples: list of ``datasets.Sample``.

    Attributes:
        fingerprint: sixteen hexadecimal digits over names and sizes, in order; ``None`` without
            samples. A data set may be moved.
    """

    def __init__(self, samples):
        paths = (path for sample in samples for path in sample.files)
        self._sizes = {path: _size(path) for path in dict.fromkeys(paths) if path is not None}
        told = "".join(f"{Path(path).name} {size}\n" for path, size in self._sizes.items())
        self.fingerprint = hashlib.sha256(told.encode()).hexdigest()[:16] if told else None

    def check(self):
        """Raises ``InputError`` if a file is not what it was at the start."""
        for path, size in self._sizes.items():
            if _size(path) != size:
                raise InputError(
                    f"{path}: photo: has changed since the training began; restore it and go on "
                    "with --resume, or begin anew in another folder; the last checkpoint is kept"
                )


def _size(path):
    try:
        return os.stat(path).st_size
    except OSError:
        return None
