"""A teacher's word where no label tells: distillation (Hinton et al. 2015, arXiv 1503.02531)."""

import numpy as np


class TaughtBatches:
    """Batches of maps in which a teacher stands where no label does.

    Args:
        batches: function of the step to images and the dict of ``target`` ``(B, h, w, K)`` and
            ``weight`` of the same shape or ``(B, K)``, 0 where no label tells.
        teacher: function of images ``(B, H, W, 3)`` to the maps of the channels that it teaches,
            ``(B, h, w, N)``.
        channels: index of these channels, of which alone the result is.

    Returns (by the call):
        the same with a target everywhere, and 1 for weights.
    """

    def __init__(self, batches, teacher, channels=slice(None)):
        self.batches, self.teacher, self.channels = batches, teacher, channels
        self.samples, self.fingerprint = batches.samples, batches.fingerprint
        self.describe = batches.describe

    def __call__(self, step):
        images, y = self.batches(step)
        target, weight = (y[name][..., self.channels] for name in ("target", "weight"))
        known = (weight if weight.ndim == target.ndim else weight[:, None, None]) > 0
        taught = np.where(known, target, self.teacher(images.astype(np.float32)))
        return images, {"target": taught.astype(target.dtype), "weight": np.ones_like(weight)}
