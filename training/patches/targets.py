"""From patches, crops and their labels to the tensors that the stages train on."""

import cv2
import numpy as np

from multiposenet.maths import boxes as box_ops
from multiposenet.maths.anchors import anchors_for_image
from multiposenet.maths.heatmaps import STRIDE, GaussianHeatmaps
from multiposenet.training.datasets.sample import BACKGROUND, IGNORE, PERSON

REACH = 2  # cells by which the Gaussian of a keypoint reaches beyond the person


def keypoint_targets(
    patch, *, sigma_share=0.045, sigma_limits=(4.0, 12.0), mask_of_boxes=True, stride=STRIDE
):
    """Targets and weights W of the keypoint subnet (MultiPoseNet, section 3.2, equation 4).

    W is 0 where a keypoint must not be taught: on persons without keypoint labels and on crowds,
    which are where the mask shows somebody in their boxes, or their boxes if there is no mask;
    outside the annotated persons where bystanders are not labelled, in the box of a person for a
    keypoint of which nothing is known, and everywhere for keypoints that the data set does not
    label. It stays 1 around every labelled keypoint. The mask channel is taught from the person
    mask, but not where bystanders may be missing on it; without a mask, as background outside all
    boxes if all persons of the photo are boxed.

    Args:
        patch: a ``patch.Patch``.
        sigma_share: Gaussian width as a share of a person's size, sqrt(box area).
        sigma_limits: least and greatest width in pixels.
        mask_of_boxes: whether a photo without a mask teaches the background outside its boxes.
            With many such photos that makes people rarer than they are.
        stride: pixels per cell.

    Returns:
        ``target (H/4, W/4, K + 1)`` and ``weight`` of the same shape, float32.
    """
    height, width = (side // stride for side in patch.image.shape[:2])
    sigmas = np.clip(sigma_share * patch.sizes, *sigma_limits)
    codec = GaussianHeatmaps(stride)
    keypoints = codec.encode(patch.keypoints, sigmas, (height, width))["heatmaps"]
    unlabelled = _unlabelled(patch, (height, width), stride)
    known = (1.0 - unlabelled) * patch.labelled_area
    known = np.repeat(known[..., None], keypoints.shape[-1], axis=-1)
    for box, labelled in zip(patch.boxes, patch.labelled, strict=True):
        if not labelled.all():
            person = _region(box[None], (height, width), stride)
            known[..., ~labelled] *= 1.0 - person[..., None]
    weight = np.maximum(known, keypoints > 0.1) * patch.labelled_keypoints
    mask, mask_weight = _mask_target(patch, (height, width), stride, mask_of_boxes)
    target = np.concatenate([keypoints, mask[..., None]], axis=-1)
    return target, np.concatenate([weight, mask_weight[..., None]], axis=-1).astype(np.float32)


def _unlabelled(patch, size_hw, stride):
    """``(H, W)`` map that is 1 on persons without keypoint labels and on crowds."""
    region = _region(patch.unlabelled_boxes, size_hw, stride)
    if patch.mask is None:
        return region
    height, width = size_hw
    cells = patch.mask.reshape(height, stride, width, stride)
    shown = (cells != BACKGROUND).any(axis=(1, 3)).astype(np.uint8)
    return region * cv2.dilate(shown, np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8))


def _mask_target(patch, size_hw, stride, of_boxes):
    if patch.mask is not None:
        height, width = size_hw
        cells = patch.mask.reshape(height, stride, width, stride)
        person = (cells == PERSON).mean(axis=(1, 3), dtype=np.float32)
        ignored = (cells == IGNORE).any(axis=(1, 3))
        return person, ~ignored * patch.labelled_area
    empty = np.zeros(size_hw, np.float32)
    if not (patch.complete and of_boxes):
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
        anchors: the ``anchors.AnchorSpec``.
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
    grid = anchors_for_image(size, anchors)
    labels, index = box_ops.match(grid, clipped[shown], ignored, size)
    # Without persons there is nothing to regress to; any box of positive size does.
    boxes = clipped[shown][index] if shown.any() else grid
    return labels.astype(np.int32), boxes.astype(np.float32)


def centre_pose(points, boxes, size_hw, margin=None):
    """Where keypoints would be if the person were in the centre (RMPE, section 3.2.1, figure 6).

    The parallel SPPE has this pose as its target, so that its error moves the STN.

    Args:
        points: ``(B, K, 2)`` xy in pixels of the proposals' images.
        boxes: ``(B, 4)`` xyxy, the true boxes of the same persons in the same frame.
        size_hw: height and width of the parallel SPPE's images.
        margin: ``None`` moves the persons only. A number scales them, too, so that the true box,
            longer by this share (RMPE: 0.2), just fits into the image: the picture that the SPPE
            would have got from a perfect detector.

    Returns:
        ``(B, K, 2)`` float32 xy in pixels.
    """
    points, boxes = np.asarray(points, np.float32), np.asarray(boxes, np.float32)
    size = np.array([size_hw[1], size_hw[0]], np.float32)
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    offset = points - (low + high) / 2
    if margin is not None:
        offset = offset * (size / ((high - low) * (1 + margin))).min(axis=-1, keepdims=True)
    return offset + size / 2


def centring_theta(boxes, proposal_size, image_size, margin):
    """The STN's map that shows persons as a perfect detector's boxes would have done.

    It brings the places of ``centre_pose`` with the same margin back to the proposals.

    Args:
        boxes: ``(B, 4)`` xyxy, the true boxes in pixels of the proposals.
        proposal_size: height and width of the proposals.
        image_size: height and width of the STN's result.
        margin: by which share the result is longer and wider than the box.

    Returns:
        theta ``(B, 2, 3)`` float32, see ``networks.spatial_transformer``.
    """
    boxes = np.asarray(boxes, np.float32)
    source, result = (np.float32([size[1], size[0]]) for size in (proposal_size, image_size))
    low, high = boxes[:, :2], boxes[:, 2:]
    pixels = ((high - low) * (1 + margin) / result).max(axis=1, keepdims=True)
    theta = np.zeros((len(boxes), 2, 3), np.float32)
    theta[:, [0, 1], [0, 1]] = pixels * result / source
    theta[..., 2] = (low + high) / source - 1
    return theta


def heatmap_targets(points, visible, sigma, size_hw, stride=STRIDE):
    """Heatmaps of one person an image.

    Args:
        points: ``(B, K, 2)`` xy in pixels.
        visible: ``(B, K)``; keypoints with 0 are not drawn.
        sigma: standard deviation in pixels.
        size_hw: height and width of the images.
        stride: pixels per cell.

    Returns:
        ``(B, H / stride, W / stride, K)`` float32.
    """
    keypoints = np.concatenate([points, np.asarray(visible)[..., None]], axis=-1)
    cells = tuple(side // stride for side in size_hw)
    codec = GaussianHeatmaps(stride)
    return np.stack([codec.encode(one[None], [sigma], cells)["heatmaps"] for one in keypoints])
