"""Real offsets against generated ones."""

import numpy as np
from scipy.stats import ks_2samp

from multiposenet.errors import InputError
from multiposenet.training.proposals import pgpg
from multiposenet.training.proposals.dpg import DPG, random_offsets
from multiposenet.training.proposals.offsets import SIDES
from multiposenet.training.registry import STAGES

_LOADERS = {"pgpg": pgpg.PGPG, "dpg": DPG}


def distances(real, made) -> dict[str, float]:
    """Kolmogorov-Smirnov distance of two samples of offsets, side by side.

    Args:
        real, made: (n, 4) and (m, 4).

    Returns:
        Side to distance, 0 (alike) to 1, and their ``"mean"``.
    """
    found = {
        side: float(ks_2samp(real[:, index], made[:, index]).statistic)
        for index, side in enumerate(SIDES)
    }
    return found | {"mean": sum(found.values()) / len(SIDES)}


def compare(pairs, skeleton, rng, run=None, count=20, **options):
    """Offsets of detections beside those of generators, of the same persons.

    With a run's folder its generators are compared, on all pairs. Otherwise a PGPG is fitted to
    every other photo and compared on the others, beside the same with one mixture, and with one
    Gaussian, for all poses, and beside the detections that they were fitted to. Random boxes are
    compared, too.

    Args:
        pairs: ``offsets.Pairs``.
        skeleton: of the poses.
        rng: NumPy's ``Generator``, of the boxes.
        run: folder with what ``multiposenet train pgpg`` or ``dpg`` wrote.
        count: boxes of every person.
        **options: of ``pgpg.fit``.

    Returns:
        (n, 4) real offsets, and name to (n * count, 4) of every generator.

    Raises:
        InputError: the run's folder has no generator, or there is one photo only.
        WeightsError: a generator's file is damaged.
    """
    made = {}
    if run is not None:
        generators = {
            name.upper(): loader.load(run / STAGES[name].files[0])
            for name, loader in _LOADERS.items()
            if (run / STAGES[name].files[0]).exists()
        }
        if not generators:
            raise InputError(
                f"{run}: --run: no generator; run `multiposenet train pgpg` or dpg first"
            )
    else:
        photos = np.unique(pairs.image)
        if len(photos) < 2:
            raise InputError("--detections: of one photo only; give more, or --run")
        known = np.isin(pairs.image, photos[::2])
        fitted, pairs = pairs.select(known), pairs.select(~known)
        made["detector, other photos"] = fitted.offsets
        fitted, names = fitted + fitted.mirrored(skeleton.flip_indices), skeleton.keypoints
        generators = {
            "PGPG": pgpg.fit(fitted, names, **options),
            "one mixture": pgpg.fit(fitted, names, **options | {"atoms": 0}),
            "one Gaussian": pgpg.fit(fitted, names, **options | {"atoms": 0, "components": 1}),
        }
    made |= {
        name: generator.draw(pairs.keypoints, pairs.boxes, rng, count).reshape(-1, 4)
        for name, generator in generators.items()
    }
    made["random"] = random_offsets(rng, len(pairs) * count, pairs.iou)
    return pairs.offsets, made
