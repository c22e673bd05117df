"""Losses of the person subnet: focal loss and smooth L1, in ``keras.ops``.

Their values equal keras-retinanet 1.0.0's, with one difference of form: the classification head
gives logits, not probabilities, so that the loss needs no clipping and keeps its gradient however
sure the network is.
"""

from __future__ import annotations

from keras import ops


def focal(labels, logits, gamma: float = 2.0, alpha: float = 0.25):
    """Focal loss of a one-class detector (Lin et al., https://arxiv.org/abs/1708.02002, eq. 5).

    Summed over all anchors that are not ignored, divided by the number of positives in the batch
    (at least 1).

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
    return ops.sum(loss) / _normaliser(positive)


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
    return ops.sum(loss) / _normaliser(positive)


def _normaliser(positive):
    return ops.maximum(ops.sum(ops.cast(positive, "float32")), 1.0)
