"""What a frozen backbone makes of a stage's patches, computed once and read from then on.

A backbone that learns nothing takes most of a step's time. With as many batches as fit on a disk,
each seen several times, a stage has that time for what it does learn; the price is that the patches
of an epoch are those of the one before.
"""

from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.files.writing import atomic_write
from multiposenet.systems.compilation import compiled


class BackboneFeatures:
    """Batches whose images are replaced by the backbone's levels.

    Args:
        batches: function of the step to ``(images, y)``, as of a stage.
        backbone: ``keras.Model``, or any function from images to a dict of levels.
        levels: keys of the levels that the stage needs.

    Returns (by the call):
        ``({level: (B, h, w, c) float16}, y)``.
    """

    def __init__(self, batches, backbone, levels):
        self.batches, self.levels = batches, tuple(levels)
        self.features = compiled(backbone, self.levels) if hasattr(backbone, "layers") else backbone
        self.samples, self.fingerprint = batches.samples, batches.fingerprint
        self.describe = batches.describe

    def __call__(self, step):
        images, y = self.batches(step)
        levels = self.features(images.astype(np.float32))
        return {level: np.asarray(levels[level], np.float16) for level in self.levels}, y


class FrozenFeatures:
    """``BackboneFeatures`` that are kept in files.

    Args:
        batches, backbone, levels: of ``BackboneFeatures``.
        count: how many batches are made; step ``count`` sees that of step 0 again.
        folder: where a file is kept for each.

    Raises:
        InputError: the folder has files of other batches or of another backbone.

    Returns (by the call):
        ``({level: (B, h, w, c) float16}, y)``.
    """

    def __init__(self, batches, backbone, levels, count, folder):
        self.made, self.count = BackboneFeatures(batches, backbone, levels), count
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.samples, self.fingerprint = batches.samples, batches.fingerprint
        if self._path(0).exists():
            self._check_first()

    def __call__(self, step):
        path = self._path(step)
        if not path.exists():
            x, y = self.made(step % self.count)
            with atomic_write(path) as file:
                np.savez(file, **x, **y)
        with np.load(path, allow_pickle=False) as file:
            known = {name: file[name] for name in file}
        x = {level: known.pop(level) for level in self.made.levels}
        return x, known

    def _path(self, step):
        return self.folder / f"{step % self.count:05d}.npz"

    def _check_first(self):
        """Another backbone, recipe or data set would not have made the first file."""
        x, y = self.made(0)
        try:
            known_x, known_y = self(0)
            same = set(y) == set(known_y) and all(np.array_equal(y[k], known_y[k]) for k in y)
            same = same and all(_alike(x[level], known_x[level]) for level in x)
        except KeyError:
            same = False
        if not same:
            raise InputError(
                f"{self._path(0)}: features: of other patches or another backbone; "
                "move the folder away"
            )

    def describe(self, step):
        """The photos of a step's batch."""
        return self.made.describe(step % self.count)


def _alike(one, other):
    """Equal but for rounding, which depends on the runtime."""
    if one.shape != other.shape:
        return False
    one, other = one.astype(np.float32), other.astype(np.float32)
    return np.abs(one - other).max() <= 0.01 * np.abs(one).max()
