"""Losses of networks that see one person in every image, in ``keras.ops``."""

from keras import ops

_EPSILON = 1e-6


def map_l2(target, maps, weight):
    """Squared error of heatmaps, a mean over cells and over the joints that count.

    Args:
        target: ``(B, H, W, K)``.
        maps: prediction of the same shape.
        weight: ``(B, K)``, 0 where nothing is known of the joint.
    """
    target, maps = _tensors(target, maps)
    return _mean(ops.mean(ops.square(target - maps), axis=(1, 2)), weight)


def map_focal(target, maps, weight, *, gamma=1.0):
    """\\|t - p\\|^gamma times the cross-entropy of heatmaps of probabilities, summed over cells.

    ``keypoint_losses.quality_focal`` for sigmoid maps that were resampled, so that there are no
    logits any more; a mean over the joints that count.

    Args:
        target: ``(B, H, W, K)`` in [0, 1].
        maps: prediction of the same shape, in [0, 1].
        weight: ``(B, K)``, 0 where nothing is known of the joint.
        gamma: focusing exponent.
    """
    target, maps = _tensors(target, maps)
    entropy = -target * ops.log(maps + _EPSILON) - (1 - target) * ops.log(1 - maps + _EPSILON)
    # A power below 1 has no finite gradient at 0, where error and entropy vanish together.
    focus = ops.power(ops.abs(target - maps) + _EPSILON, gamma)
    return _mean(ops.sum(focus * entropy, axis=(1, 2)), weight)


def symmetric_stn(target, centred_target, outputs, weight, *, loss=map_l2, parallel=1.0):
    """The sum of both branches' errors, over all stacks (RMPE, section 3.2.1).

    Args:
        target: ``(B, H, W, K)`` heatmaps in the proposal's frame.
        centred_target: the same of the centred pose, see ``single_person_targets.centre_pose``.
        outputs: of the network ``symmetric_stn.with_parallel_sppe``.
        weight: ``(B, K)``, 0 where nothing is known of the joint.
        loss: of one stack's maps.
        parallel: weight of the parallel SPPE; it moves the STN only. The paper's sum has 1, and
            0 is its ablation without the parallel SPPE.
    """
    own = sum(loss(target, maps, weight) for maps in outputs["own"].values())
    centred = sum(loss(centred_target, maps, weight) for maps in outputs["centred"].values())
    return own + parallel * centred


def point_l2(target, points, weight):
    """Squared distances (DeepPose, equation 2), a mean over the joints that count.

    Args:
        target: ``(B, K, 2)``, see ``direct_regression.to_box``.
        points: prediction of the same shape.
        weight: ``(B, K)``, 0 where nothing is known of the joint.
    """
    target, points = _tensors(target, points)
    return _mean(ops.sum(ops.square(target - points), axis=-1), weight)


def _tensors(*values):
    return tuple(ops.convert_to_tensor(value, "float32") for value in values)


def _mean(values, weight):
    """The mean of ``values (B, K)`` by ``weight``; 0 where all weights are 0."""
    (weight,) = _tensors(weight)
    return ops.sum(weight * values) / ops.maximum(ops.sum(weight), _EPSILON)
