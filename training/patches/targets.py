"""From a patch and its labels to the tensors a stage trains on."""

import numpy as np

from multiposenet.maths import boxes as box_ops
from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.training.datasets.sample import IGNORE, PERSON


def keypoint_targets(patch, *, sigma_share=0.045, sigma_limits=(4.0, 12.0), stride=4):
    """Targets and weights W of the keypoint subnet (MultiPoseNet, section 3.2, equation 4).

    W is 0 where a joint must not be taught: in boxes of persons without keypoint labels and in
    crowds, outside the annotated persons where bystanders are not labelled, in the box of a person
    for a joint of which nothing is known, and everywhere for joints that the data set does not
    label. It stays 1 around every labelled joint. The mask
    channel is taught from the person mask, but not where bystanders may be missing on it; without
    a mask, as background outside all boxes if all persons of the photo are boxed.

    Args:
        patch: a ``patch.Patch``.
        sigma_share: Gaussian width as a share of a person's size, sqrt(box area).
        sigma_limits: least and greatest width in pixels.
        stride: pixels per cell.

    Returns:
        ``target (H/4, W/4, K + 1)`` and ``weight`` of the same shape, float32.
    """
    height, width = (side // stride for side in patch.image.shape[:2])
    sigmas = np.clip(sigma_share * patch.sizes, *sigma_limits)
    codec = GaussianHeatmaps(stride)
    joints = codec.encode(patch.keypoints, sigmas, (height, width))["heatmaps"]
    unlabelled = _region(patch.unlabelled_boxes, (height, width), stride)
    known = (1.0 - unlabelled) * patch.labelled_area
    known = np.repeat(known[..., None], joints.shape[-1], axis=-1)
    for box, labelled in zip(patch.boxes, patch.labelled, strict=True):
        if not labelled.all():
            person = _region(box[None], (height, width), stride)
            known[..., ~labelled] *= 1.0 - person[..., None]
    weight = np.maximum(known, joints > 0.1) * patch.labelled_joints
    mask, mask_weight = _mask_target(patch, (height, width), stride)
    target = np.concatenate([joints, mask[..., None]], axis=-1)
    return target, np.concatenate([weight, mask_weight[..., None]], axis=-1).astype(np.float32)


def _mask_target(patch, size_hw, stride):
    if patch.mask is not None:
        height, width = size_hw
        cells = patch.mask.reshape(height, stride, width, stride)
        person = (cells == PERSON).mean(axis=(1, 3), dtype=np.float32)
        ignored = (cells == IGNORE).any(axis=(1, 3))
        return person, ~ignored * patch.labelled_area
    empty = np.zeros(size_hw, np.float32)
    if not patch.complete:
        return empty, empty
    everyone = np.concatenate([patch.boxes, patch.unlabelled_boxes])
    return empty, 1.0 - _region(everyone, size_hw, stride)


def _region(boxes, size_hw, stride):
    """``(H, W)`` map that is 1 in the cells a box touches."""
    region = np.zeros(size_hw, np.float32)
    low = np.floor(np.maximum(boxes[:, :2] / stride, 0)).astype(int)
    high = np.ceil(np.maximum(boxes[:, 2:] / stride, 0)).astype(int)
    for (x1, y1), (x2, y2) in zip(low, high, strict=True):
        region[y1:y2, x1:x2] = 1.0
    return region


def person_targets(patch, anchors, *, visible=0.25):
    """Anchor labels and matched boxes of the person subnet, as keras-retinanet makes them.

    Boxes are clipped to the patch; of persons that are mostly cut off, and in crowds, nothing is
    taught.

    Args:
        patch: a ``patch.Patch``.
        anchors: the ``boxes.AnchorSpec``.
        visible: least share of a box inside the patch.

    Returns:
        ``labels (A,)``: 1, 0 or -1 (ignored), and ``boxes (A, 4)``: the best person of every
        anchor.
    """
    size = patch.image.shape[:2]
    persons = np.concatenate([patch.boxes, patch.unlabelled_boxes[~patch.crowd]])
    clipped = np.clip(persons, 0, (size[1], size[0]) * 2)
    extents, whole = clipped[:, 2:] - clipped[:, :2], persons[:, 2:] - persons[:, :2]
    shown = (extents.prod(axis=1) >= visible * whole.prod(axis=1)) & (extents > 2).all(axis=1)
    ignored = np.concatenate([clipped[~shown], patch.unlabelled_boxes[patch.crowd]])
    grid = box_ops.anchors_for_image(size, anchors)
    labels, index = box_ops.match(grid, clipped[shown], ignored, size)
    # Without persons there is nothing to regress to; any box of positive size does.
    boxes = clipped[shown][index] if shown.any() else grid
    return labels.astype(np.int32), boxes.astype(np.float32)
