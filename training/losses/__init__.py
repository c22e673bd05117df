"""The losses of all stages, in ``keras.ops``.

Of the person subnet (``focal``, ``smooth_l1``), of the keypoint subnet's heatmaps weighted by W
(MultiPoseNet, section 3.2; ``weighted_l2``, ``quality_focal``), of networks that see one person in
every image (``map_l2``, ``map_focal``, ``symmetric_stn``; G-RMI's ``disk_logistic`` and
``offset_huber``), and the binary
cross-entropy that several of them and the assigners' stages need. Losses that are defined by the
batches of one stage alone stand with it. What is divided by a count is divided by that of the whole
batch, on however many devices it is.
"""

from __future__ import annotations

from keras import ops

from multiposenet.training.losses.replicas import divisor

_EPSILON = 1e-6


def binary_crossentropy(target, logits):
    """Cross-entropy of two classes from logits, of every element; targets may be soft.

    Args:
        target: probabilities of any shape.
        logits: prediction of the same shape before the sigmoid.
    """
    return ops.binary_crossentropy(target, logits, from_logits=True)


def binary_crossentropy_of_logs(target, log_present, log_absent):
    """The same where a network has no logits.

    ``keras.ops`` would clip probabilities; here the caller says how they stay away from 0.

    Args:
        target: probabilities of any shape.
        log_present, log_absent: logarithms of the predicted probability and of its complement.
    """
    return -target * log_present - (1 - target) * log_absent


def focal(labels, logits, gamma: float = 2.0, alpha: float = 0.25):
    """Focal loss of a one-class detector (Lin et al., https://arxiv.org/abs/1708.02002, eq. 5).

    Summed over all anchors that are not ignored, divided by the number of positives in the batch
    (at least 1), as in keras-retinanet 1.0.0; from logits, not probabilities, it needs no clipping
    and keeps its gradient however sure the network is.

    Args:
        labels: ``(B, A)`` 1 positive, 0 negative, -1 ignored.
        logits: ``(B, A)`` before the sigmoid.
        gamma: Exponent by which easy anchors lose weight.
        alpha: Weight of positives; negatives have ``1 - alpha``.

    Returns:
        Scalar float32.
    """
    labels = ops.cast(labels, "int32")
    logits = ops.cast(logits, "float32")
    positive = ops.equal(labels, 1)
    # The logit of being wrong: sigmoid(wrong) = 1 - p_t and softplus(wrong) = -log(p_t).
    wrong = ops.where(positive, -logits, logits)
    loss = ops.exp(gamma * ops.log_sigmoid(wrong)) * ops.softplus(wrong)
    loss = loss * ops.where(positive, alpha, 1.0 - alpha)
    loss = ops.where(ops.equal(labels, -1), 0.0, loss)
    return ops.sum(loss) / divisor(ops.sum(ops.cast(positive, "float32")))


def smooth_l1(labels, targets, predictions, sigma: float = 3.0):
    """Smooth L1 loss of box deltas: quadratic below ``1 / sigma**2``, linear above.

    Summed over the four deltas of all positives, divided by the number of positives in the batch
    (at least 1).

    Args:
        labels: ``(B, A)`` 1 positive; other anchors do not count, their targets may be anything
            finite.
        targets: ``(B, A, 4)`` true deltas, see `multiposenet.maths.boxes.encode`.
        predictions: ``(B, A, 4)``.
        sigma: Sharpness of the bend.

    Returns:
        Scalar float32.
    """
    positive = ops.equal(ops.cast(labels, "int32"), 1)
    error = ops.abs(ops.cast(predictions, "float32") - ops.cast(targets, "float32"))
    bend = 1.0 / sigma**2
    loss = ops.where(error < bend, 0.5 / bend * ops.square(error), error - 0.5 * bend)
    loss = ops.where(ops.expand_dims(positive, -1), loss, 0.0)
    return ops.sum(loss) / divisor(ops.sum(ops.cast(positive, "float32")))


def weighted_l2(target, maps, weight):
    """W * (H - H^)^2, averaged over all cells and channels (MultiPoseNet, equation 4).

    Args:
        target: ``(B, H, W, K + 1)`` Gaussian heatmaps and the person mask.
        maps: prediction of the same shape.
        weight: W of the same shape.
    """
    return ops.mean(weight * ops.square(target - maps))


def quality_focal(target, logits, weight, *, mask_share=100.0, mask_overlap=0.0, gamma=1.0):
    """|t - p|^gamma times the cross-entropy of soft targets, per heatmap that shows a keypoint.

    The focal form of Li et al. 2020 (arXiv 2006.04388). It trains far faster from scratch
    than squared error, whose gradient the background dominates.

    Args:
        target: ``(B, H, W, K + 1)``, the person mask last.
        logits: prediction of the same shape before the sigmoid.
        weight: W of the same shape.
        mask_share: weight of the mask's mean cross-entropy against the keypoints' sum per keypoint,
            in which a keypoint counts some tens of cells.
        mask_overlap: weight of the mask's ``soft_jaccard`` of all images together.
        gamma: focusing exponent.
    """
    entropy = binary_crossentropy(target, logits)
    keypoints = slice(0, target.shape[-1] - 1)
    error = ops.abs(target[..., keypoints] - ops.sigmoid(logits[..., keypoints]))
    focal = weight[..., keypoints] * ops.power(error, gamma) * entropy[..., keypoints]
    # Heatmaps with at least one keypoint, known by their highest cell, which is close to 1.
    count = ops.sum(ops.cast(ops.max(target[..., keypoints], axis=(1, 2)) > 0.5, "float32"))
    mask = ops.sum(weight[..., -1] * entropy[..., -1]) / divisor(ops.sum(weight[..., -1]), more=1.0)
    loss = ops.sum(focal) / divisor(count) + mask_share * mask
    if mask_overlap:
        overlap = soft_jaccard(target[..., -1], ops.sigmoid(logits[..., -1]), weight[..., -1])
        loss = loss + mask_overlap * overlap
    return loss


def soft_jaccard(target, probability, weight):
    """1 - intersection over union of soft sets (Rahman & Wang 2016, "Optimizing intersection over
    union in deep neural networks for image segmentation"), of all elements together.

    The mean cross-entropy alone teaches probabilities, of which a threshold below one half has the
    greatest overlap; with this it is at one half.

    Args:
        target: 0 to 1, of any shape.
        probability: prediction of the same shape.
        weight: of the same shape; 0 where nothing is known.
    """
    both = weight * target * probability
    either = weight * (target + probability) - both
    return ops.sum(either - both) / divisor(ops.sum(either))


def map_l2(target, maps, weight):
    """Squared error of heatmaps, a mean over cells and over the keypoints that count.

    Args:
        target: ``(B, H, W, K)``.
        maps: prediction of the same shape.
        weight: ``(B, K)``, 0 where nothing is known of the keypoint.
    """
    target, maps = _tensors(target, maps)
    return _mean(ops.mean(ops.square(target - maps), axis=(1, 2)), weight)


def map_focal(target, maps, weight, *, gamma=1.0):
    """\\|t - p\\|^gamma times the cross-entropy of heatmaps of probabilities, summed over cells.

    ``quality_focal`` for sigmoid maps that were resampled, so that there are no
    logits any more; a mean over the keypoints that count.

    Args:
        target: ``(B, H, W, K)`` in [0, 1].
        maps: prediction of the same shape, in [0, 1].
        weight: ``(B, K)``, 0 where nothing is known of the keypoint.
        gamma: focusing exponent.
    """
    target, maps = _tensors(target, maps)
    entropy = binary_crossentropy_of_logs(
        target, ops.log(maps + _EPSILON), ops.log(1 - maps + _EPSILON)
    )
    # A power below 1 has no finite gradient at 0, where error and entropy vanish together.
    focus = ops.power(ops.abs(target - maps) + _EPSILON, gamma)
    return _mean(ops.sum(focus * entropy, axis=(1, 2)), weight)


def disk_logistic(disks, logits, weight):
    """Logistic losses of disk heatmaps, summed over cells (G-RMI, heatmap loss).

    A mean over the keypoints that count, where the paper sums.

    Args:
        disks: ``(B, H, W, K)``, 1 in the disks, else 0.
        logits: prediction of the same shape before the sigmoid.
        weight: ``(B, K)``, 0 where nothing is known of the keypoint.
    """
    disks, logits = _tensors(disks, logits)
    return _mean(ops.sum(binary_crossentropy(disks, logits), axis=(1, 2)), weight)


def offset_huber(target, offsets, disks, weight, *, delta=1.0):
    """Huber losses of how far offsets are off, summed over the disks (G-RMI, offset loss).

    A mean over the keypoints that count, where the paper sums.

    Args:
        target: ``(B, H, W, 2K)`` pixels, K along x, then K along y.
        offsets: prediction of the same shape.
        disks: ``(B, H, W, K)``, 1 in the disks, else 0.
        weight: ``(B, K)``, 0 where nothing is known of the keypoint.
        delta: distance in pixels from which the loss is linear.
    """
    target, offsets, disks = _tensors(target, offsets, disks)
    squared = ops.square(target - offsets)
    count = disks.shape[-1]
    # A root has no finite gradient at 0.
    distance = ops.sqrt(squared[..., :count] + squared[..., count:] + _EPSILON)
    loss = ops.where(distance < delta, 0.5 * ops.square(distance), delta * (distance - 0.5 * delta))
    return _mean(ops.sum(disks * loss, axis=(1, 2)), weight)


def symmetric_stn(target, centred_target, outputs, weight, *, loss=map_l2, parallel=1.0):
    """The sum of both branches' errors, over all stacks (RMPE, section 3.2.1).

    Args:
        target: ``(B, H, W, K)`` heatmaps in the proposal's frame.
        centred_target: the same of the centred pose, see ``targets.centre_pose``.
        outputs: of the network ``symmetric_stn.with_parallel_sppe``.
        weight: ``(B, K)``, 0 where nothing is known of the keypoint.
        loss: of one stack's maps.
        parallel: weight of the parallel SPPE; it moves the STN only. The paper's sum has 1, and
            0 is its ablation without the parallel SPPE.
    """
    own = sum(loss(target, maps, weight) for maps in outputs["own"].values())
    centred = sum(loss(centred_target, maps, weight) for maps in outputs["centred"].values())
    return own + parallel * centred


def _tensors(*values):
    return tuple(ops.convert_to_tensor(value, "float32") for value in values)


def _mean(values, weight):
    """The mean of ``values (B, K)`` by ``weight``; 0 where all weights are 0."""
    (weight,) = _tensors(weight)
    return ops.sum(weight * values) / divisor(ops.sum(weight), _EPSILON)
