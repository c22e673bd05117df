"""Losses of the keypoint subnet on heatmaps weighted by W (MultiPoseNet, section 3.2)."""

from keras import ops


def weighted_l2(target, maps, weight):
    """W * (H - H^)^2, averaged over all cells and channels (MultiPoseNet, equation 4).

    Args:
        target: ``(B, H, W, K + 1)`` Gaussian heatmaps and the person mask.
        maps: prediction of the same shape.
        weight: W of the same shape.
    """
    return ops.mean(weight * ops.square(target - maps))


def quality_focal(target, logits, weight, *, mask_share=100.0, gamma=1.0):
    """|t - p|^gamma times the cross-entropy of soft targets, per heatmap that shows a joint.

    The focal form of Li et al. 2020 (arXiv 2006.04388, eq. 4). It trains far faster from scratch
    than squared error, whose gradient the background dominates.

    Args:
        target: ``(B, H, W, K + 1)``, the person mask last.
        logits: prediction of the same shape before the sigmoid.
        weight: W of the same shape.
        mask_share: weight of the mask's mean cross-entropy against the joints' sum per joint, in
            which a joint counts some tens of cells.
        gamma: focusing exponent.
    """
    entropy = ops.maximum(logits, 0) - logits * target + ops.softplus(-ops.abs(logits))
    joints = slice(0, target.shape[-1] - 1)
    error = ops.abs(target[..., joints] - ops.sigmoid(logits[..., joints]))
    focal = weight[..., joints] * ops.power(error, gamma) * entropy[..., joints]
    # Heatmaps with at least one joint, known by their highest cell, which is close to 1.
    count = ops.sum(ops.cast(ops.max(target[..., joints], axis=(1, 2)) > 0.5, "float32"))
    mask = ops.sum(weight[..., -1] * entropy[..., -1]) / (ops.sum(weight[..., -1]) + 1.0)
    return ops.sum(focal) / ops.maximum(count, 1.0) + mask_share * mask
