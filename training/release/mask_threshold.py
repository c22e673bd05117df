"""Makes one half the threshold at which a person mask overlaps most with those that are labelled.

The mask of a network that is unsure of faint people shows too little of them at one half.
"""

import numpy as np

from multiposenet.evaluation.coco import MaskIoU
from multiposenet.systems.estimator import Estimator

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


def balance(model, samples, **options):
    """Shifts the logits of a ``MultiPoseNet``'s mask, in place.

    Args:
        model: whose maps are sigmoids.
        samples: list of ``datasets.Sample``, of which those count that have a mask.
        **options: of the ``Estimator`` that sees them.

    Returns:
        The threshold that became one half.
    """
    pose = Estimator(model, **options)
    masked = [sample for sample in samples if sample.has_mask]
    overlaps = {threshold: MaskIoU(threshold) for threshold in THRESHOLDS}
    found = pose.stream([sample.path for sample in masked])
    for sample, (_, poses) in zip(masked, found, strict=True):
        truth = sample.read_mask()
        for overlap in overlaps.values():
            overlap.update(poses.mask, truth)
    best = max(overlaps, key=lambda threshold: overlaps[threshold].result()["masks/IoU"])
    layer = model.keypoint_subnet.get_layer("prediction")
    kernel, bias = layer.get_weights()
    bias[-1] -= np.log(best / (1 - best))
    layer.set_weights([kernel, bias])
    return best
