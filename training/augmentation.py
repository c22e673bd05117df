"""Random patches of photos with their boxes, keypoints and masks, all moved by one affine map."""

import dataclasses
from dataclasses import dataclass, field

import albumentations
import cv2
import numpy as np

from multiposenet import geometry
from multiposenet.training import cache
from multiposenet.training.datasets.sample import Sample


@dataclass
class Patch:
    """What a stage sees of a photo; coordinates in pixels of the patch.

    Attributes:
        image: ``(S, S, 3)`` uint8 RGB.
        boxes: ``(n, 4)`` of the labelled persons, xyxy, not clipped (in a mosaic, to their tile).
        sizes: ``(n,)`` sqrt(box area) before rotation, which makes the enclosing boxes larger.
        keypoints: ``(n, K, 3)``; v = 0 where a joint is unlabelled or outside the patch.
        unlabelled_boxes: ``(m, 4)`` of persons without keypoint labels and of crowds.
        crowd: which of ``unlabelled_boxes`` are crowds.
        labelled_joints: ``(K,)`` 1 for the joints that the data set labels.
        labelled_area: ``(S / 4, S / 4)``, 0 where persons may stand without any label.
        mask: ``(S, S)`` uint8, 0 background, 1 person, 2 ignore, or None.
        complete: all persons of the photo have a box.
    """

    image: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    keypoints: np.ndarray
    unlabelled_boxes: np.ndarray
    crowd: np.ndarray
    labelled_joints: np.ndarray
    labelled_area: np.ndarray
    mask: np.ndarray | None
    complete: bool


@dataclass(frozen=True)
class PatchSampler:
    """Draws patches centred on a person at a random scale (MultiPoseNet section 4.1).

    Attributes:
        size: side S of the patch in pixels.
        person_size: least and greatest sqrt(box area), in patch pixels, of the person that the
            patch is centred on; drawn uniformly in the logarithm.
        cover: the photo's longer side is at least this share of the patch, and
        zoom: the photo is enlarged at most this much; both win over ``person_size``.
        rotation: greatest rotation in degrees.
        rotation_chance: share of patches that are rotated.
        flip: share of patches flipped left to right, with left and right joints swapped.
        jitter: greatest shift of the centre as a share of the patch.
        flip_indices: of the skeleton.
        color: change of the image's colours. It holds a random state, so that a sampler serves
            one thread at a time.
    """

    size: int
    flip_indices: np.ndarray
    person_size: tuple[float, float] = (24.0, 240.0)
    cover: float = 0.7
    zoom: float = 3.0
    rotation: float = 40.0
    rotation_chance: float = 0.6
    flip: float = 0.5
    jitter: float = 0.3
    color: albumentations.Compose = field(
        default_factory=lambda: albumentations.Compose(
            [
                albumentations.ColorJitter(0.4, 0.4, 0.4, 0.05, p=0.8),
                albumentations.ToGray(p=0.1),
                albumentations.GaussianBlur((3, 5), p=0.1),
            ]
        )
    )

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Patch:
        """A random patch of a photo; ``rng`` is the only source of randomness."""
        size = self.size
        image = cache.image(sample)
        move, mirrored = self._draw_map(sample, image.shape[:2], size, rng)
        patch = _apply(sample, image, move, size, self.flip_indices if mirrored else None)
        self.color.set_random_seed(int(rng.integers(2**31)))
        patch.image = self.color(image=patch.image)["image"]
        return patch

    def mosaic(self, samples: list[Sample], rng: np.random.Generator) -> Patch:
        """Four half-size patches of photos of one data set, tiled two by two."""
        half = self.size // 2
        quarter = dataclasses.replace(
            self, size=half, person_size=(0.35 * half, 0.9 * half), jitter=self.jitter / 2
        )
        parts = [quarter(sample, rng) for sample in samples]
        offsets = [(0, 0), (half, 0), (0, half), (half, half)]
        for part, (x, y) in zip(parts, offsets, strict=True):
            part.boxes = np.clip(part.boxes, 0, half) + (x, y, x, y)
            part.unlabelled_boxes = np.clip(part.unlabelled_boxes, 0, half) + (x, y, x, y)
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
            unlabelled_boxes=joined("unlabelled_boxes"),
            crowd=joined("crowd"),
            labelled_joints=np.min([part.labelled_joints for part in parts], axis=0),
            labelled_area=tiled("labelled_area"),
            mask=tiled("mask") if has_masks else None,
            complete=all(part.complete for part in parts),
        )

    def _draw_map(self, sample, image_hw, size, rng):
        height, width = image_hw
        centre, extent = np.array([width, height]) / 2, float(np.sqrt(height * width)) / 2
        if len(sample.boxes):
            box = sample.boxes[rng.integers(len(sample.boxes))]
            centre = (box[:2] + box[2:]) / 2
            extent = max(float(np.sqrt(np.prod(box[2:] - box[:2]))), 1.0)
        wanted = np.exp(rng.uniform(*np.log(self.person_size)))
        scale = np.clip(wanted / extent, self.cover * size / max(height, width), self.zoom)
        angle = 0.0
        if rng.random() < self.rotation_chance:
            angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        mirrored = rng.random() < self.flip
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if mirrored:
            linear[0] *= -1
        target = size * (0.5 + rng.uniform(-self.jitter, self.jitter, 2))
        move = geometry.Affine(np.column_stack([linear, target - linear @ centre]))
        return move, mirrored


def _apply(sample, image, move, size, flip_indices):
    keypoints = sample.keypoints.astype(np.float32)
    keypoints[..., :2] = move(keypoints[..., :2])
    labelled = sample.labelled.any(axis=1)
    labelled_joints = np.ones(keypoints.shape[1], np.float32)
    if labelled.any():
        labelled_joints = sample.labelled[labelled].any(axis=0).astype(np.float32)
    if flip_indices is not None:
        keypoints, labelled_joints = keypoints[:, flip_indices], labelled_joints[flip_indices]
    inside = np.all((keypoints[..., :2] >= 0) & (keypoints[..., :2] < size), axis=-1)
    keypoints[..., 2] *= inside
    boxes, crowd = move.boxes(sample.boxes), move.boxes(sample.crowd_boxes)
    scale = np.sqrt(abs(np.linalg.det(move.matrix[:, :2])))
    extents = np.maximum(sample.boxes[:, 2:] - sample.boxes[:, :2], 0)
    labelled_area = np.ones((size // 4, size // 4), np.float32)
    if sample.single:
        x1, y1, x2, y2 = np.clip(boxes[0] / 4, 0, size // 4).round().astype(int)
        labelled_area[:] = 0
        labelled_area[y1:y2, x1:x2] = 1
    mask = None
    if sample.has_mask:
        mask = move.warp(cache.mask(sample), (size, size), interpolation=cv2.INTER_NEAREST)
    return Patch(
        image=move.warp(image, (size, size), border=geometry.PADDING),
        boxes=boxes[labelled].astype(np.float32),
        sizes=scale * np.sqrt(extents[labelled].prod(axis=1)),
        keypoints=keypoints[labelled],
        unlabelled_boxes=np.concatenate([boxes[~labelled], crowd]).astype(np.float32),
        crowd=np.arange((~labelled).sum() + len(crowd)) >= (~labelled).sum(),
        labelled_joints=labelled_joints,
        labelled_area=labelled_area,
        mask=mask,
        complete=sample.complete,
    )
