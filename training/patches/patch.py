"""What a stage sees of a photo: a part of it, scaled, and its labels, all moved by one map."""

from dataclasses import dataclass

import cv2
import numpy as np

from multiposenet.maths import geometry
from multiposenet.training.datasets.sample import Sample
from multiposenet.training.patches import photo_cache

STRIDE = 4  # pixels per cell of `labelled_area`


@dataclass
class Patch:
    """An image and its labels; coordinates in its pixels.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB; the sides are multiples of 4.
        boxes: ``(n, 4)`` of the persons with labelled keypoints, xyxy, not clipped (in a mosaic, to
            their tile).
        sizes: ``(n,)`` sqrt(box area) before rotation, which makes the enclosing boxes larger.
        keypoints: ``(n, K, 3)``; v = 0 where a keypoint is unlabelled or outside the patch.
        labelled: ``(n, K)`` bool, the keypoints of each person that the data set tells about.
        unlabelled_boxes: ``(m, 4)`` of persons without keypoint labels and of crowds.
        crowd: which of ``unlabelled_boxes`` are crowds.
        labelled_keypoints: ``(K,)`` 1 for the keypoints that the data set labels.
        labelled_area: ``(H / 4, W / 4)``, 0 where persons may stand without any label.
        mask: ``(H, W)`` uint8, 0 background, 1 person, 2 ignore, or None.
        complete: all persons of the photo have a box.
    """

    image: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    keypoints: np.ndarray
    labelled: np.ndarray
    unlabelled_boxes: np.ndarray
    crowd: np.ndarray
    labelled_keypoints: np.ndarray
    labelled_area: np.ndarray
    mask: np.ndarray | None
    complete: bool


def cut(
    sample: Sample,
    move: geometry.Affine,
    size_hw: tuple[int, int],
    flip_indices: np.ndarray | None = None,
    image: np.ndarray | None = None,
) -> Patch:
    """Moves a photo and all its labels.

    Args:
        sample: the photo.
        move: the map from photo to patch pixels.
        size_hw: height and width of the patch.
        flip_indices: of the skeleton, if the map mirrors: what was the left keypoint is the right
            one of the person in the patch.
        image: the moved photo if it has been drawn already.
    """
    if image is None:
        image = warp(photo_cache.image(sample), move, size_hw)
    keypoints = sample.keypoints.astype(np.float32)
    keypoints[..., :2] = move(keypoints[..., :2])
    told = sample.labelled
    labelled = told.any(axis=1)
    labelled_keypoints = np.ones(keypoints.shape[1], np.float32)
    if labelled.any():
        labelled_keypoints = told[labelled].any(axis=0).astype(np.float32)
    if flip_indices is not None:
        keypoints, told = keypoints[:, flip_indices], told[:, flip_indices]
        labelled_keypoints = labelled_keypoints[flip_indices]
    inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] < size_hw[::-1])
    keypoints[..., 2] *= inside.all(axis=-1)
    boxes, crowd = move.boxes(sample.boxes), move.boxes(sample.crowd_boxes)
    scale = np.sqrt(abs(np.linalg.det(move.matrix[:, :2])))
    extents = np.maximum(sample.boxes[:, 2:] - sample.boxes[:, :2], 0)
    mask = None
    if sample.has_mask:
        mask = move.warp(photo_cache.mask(sample), size_hw, interpolation=cv2.INTER_NEAREST)
    return Patch(
        image=image,
        boxes=boxes[labelled].astype(np.float32),
        sizes=scale * np.sqrt(extents[labelled].prod(axis=1)),
        keypoints=keypoints[labelled],
        labelled=told[labelled],
        unlabelled_boxes=np.concatenate([boxes[~labelled], crowd]).astype(np.float32),
        crowd=np.arange((~labelled).sum() + len(crowd)) >= (~labelled).sum(),
        labelled_keypoints=labelled_keypoints,
        labelled_area=_labelled_area(None if sample.complete else boxes, size_hw),
        mask=mask,
        complete=sample.complete,
    )


def warp(image, move, size_hw):
    """The photo in the patch; what shrinks to less than a half is averaged first, not skipped."""
    shrinking = int(1 / np.sqrt(abs(np.linalg.det(move.matrix[:, :2]))))
    if shrinking >= 2:
        height, width = image.shape[:2]
        small = tuple(max(1, round(side / shrinking)) for side in (width, height))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        move = move @ geometry.Affine.scaling(width / small[0], height / small[1])
    return move.warp(image, size_hw, border=geometry.PADDING)


def _labelled_area(boxes, size_hw):
    """1 inside the boxes, of which each cell counts that is covered by half; all 1 for None."""
    cells = tuple(side // STRIDE for side in size_hw)
    if boxes is None:
        return np.ones(cells, np.float32)
    area = np.zeros(cells, np.float32)
    limits = (cells[1], cells[0]) * 2
    for x1, y1, x2, y2 in np.clip(boxes / STRIDE, 0, limits).round().astype(int):
        area[y1:y2, x1:x2] = 1
    return area


def tile(parts: list[Patch]) -> Patch:
    """Four square patches of one size, two by two; the parts are changed."""
    side = parts[0].image.shape[0]
    offsets = [(0, 0), (side, 0), (0, side), (side, side)]
    for part, (x, y) in zip(parts, offsets, strict=True):
        part.boxes = np.clip(part.boxes, 0, side) + (x, y, x, y)
        part.unlabelled_boxes = np.clip(part.unlabelled_boxes, 0, side) + (x, y, x, y)
        part.keypoints[..., :2] += (x, y)

    def joined(name):
        return np.concatenate([getattr(part, name) for part in parts])

    def tiled(name):
        a, b, c, d = (getattr(part, name) for part in parts)
        return np.concatenate([np.concatenate([a, b], 1), np.concatenate([c, d], 1)])

    has_masks = all(part.mask is not None for part in parts)
    return Patch(
        image=tiled("image"),
        boxes=joined("boxes"),
        sizes=joined("sizes"),
        keypoints=joined("keypoints"),
        labelled=joined("labelled"),
        unlabelled_boxes=joined("unlabelled_boxes"),
        crowd=joined("crowd"),
        labelled_keypoints=np.min([part.labelled_keypoints for part in parts], axis=0),
        labelled_area=tiled("labelled_area"),
        mask=tiled("mask") if has_masks else None,
        complete=all(part.complete for part in parts),
    )


def pad(patches: list[Patch]) -> list[Patch]:
    """Patches as large as the largest side by side: grey is added at the right and the bottom.

    Nobody stands in the padding, so it is taught as background. The patches are changed.
    """
    height, width = np.max([patch.image.shape[:2] for patch in patches], axis=0)
    for patch in patches:
        down, right = height - patch.image.shape[0], width - patch.image.shape[1]
        margin = ((0, down), (0, right))
        cells = ((0, down // STRIDE), (0, right // STRIDE))
        patch.image = np.pad(patch.image, (*margin, (0, 0)), constant_values=geometry.PADDING)
        patch.labelled_area = np.pad(patch.labelled_area, cells, constant_values=1)
        if patch.mask is not None:
            patch.mask = np.pad(patch.mask, margin)
    return patches
