"""Albumentations of one's own: their changes of image, mask, keypoints and boxes kept together.

    transforms = [albumentations.HorizontalFlip(p=0.5), albumentations.MotionBlur(p=0.2)]
    sampler = PatchSampler(480, flip_indices, augment=Transforms(transforms, flip_indices))

``multiposenet train --augment FILE`` reads them from a file of albumentations' own format.
"""

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from multiposenet.errors import InputError
from multiposenet.files import bounded_files
from multiposenet.training.patches.patch import STRIDE, Patch

_MAX_BYTES = 1 << 20
_CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]


def read(path, flip_indices):
    """The transforms in a file that ``albumentations.save`` has written.

    Only albumentations' own transforms are made from it; no code is run.

    Args:
        path: JSON, or YAML if it ends so.
        flip_indices: ``(K,)`` of the skeleton.

    Returns:
        The ``Transforms``.

    Raises:
        InputError: albumentations is not installed, or the file cannot be read or holds something
            else.
    """
    path = Path(path)
    try:
        albumentations = _albumentations()
    except ImportError as error:
        raise InputError(
            f"{path}: --augment: albumentations is not installed; "
            "pip install 'albumentations>=2.0,<2.1'"
        ) from error
    kind = "yaml" if path.suffix in (".yaml", ".yml") else "json"
    try:
        content = getattr(bounded_files, f"read_{kind}")(path, _MAX_BYTES)
    except bounded_files.Unreadable as error:
        raise InputError(f"{path}: file: {error}") from error
    try:
        return Transforms([albumentations.from_dict(content)], flip_indices)
    except Exception as error:  # depends on what the file holds instead
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"{path}: file: no transforms of albumentations {albumentations.__version__} "
            f"({type(error).__name__}: {reason}); write it by albumentations.save(transform, FILE)"
        ) from error


def _albumentations():
    # It asks a server for its newest version at import otherwise.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


class Transforms:
    """Applies albumentations to patches; an ``augment`` of a sampler.

    Boxes travel as their corners, and three marks travel with the keypoints: they tell whether the
    transforms have mirrored the patch, upon which left and right keypoints are swapped, and by how
    much they have scaled it. Transforms that displace keypoints as pixel centres are exact (flips,
    ``Affine``, ``Rotate``, ``Perspective``); those that resize are up to half a pixel times the
    factor off, for so they are in albumentations.

    Args:
        transforms: albumentations' transforms. They must leave the size as it is.
        flip_indices: ``(K,)`` of the skeleton.

    Attributes:
        description: the transforms, as albumentations serialises them; "" if it cannot.

    Raises:
        ImportError: albumentations is not installed.
    """

    def __init__(self, transforms: Sequence, flip_indices: np.ndarray):
        albumentations = _albumentations()
        self._transforms = list(transforms)
        parameters = albumentations.KeypointParams("xy", remove_invisible=False)
        self._compose = albumentations.Compose(self._transforms, keypoint_params=parameters)
        self.flip_indices = np.asarray(flip_indices)
        try:
            self.description = json.dumps(self._compose.to_dict(), sort_keys=True)
        except (NotImplementedError, TypeError):  # an ``albumentations.Lambda``
            self.description = ""
        self._lock = threading.Lock()  # the transforms hold a random state

    def __reduce__(self):
        """Processes that make batches get one of their own."""
        return Transforms, (self._transforms, self.flip_indices)

    def __call__(self, patch: Patch, rng: np.random.Generator) -> Patch:
        """Returns the transformed patch; ``rng`` is the only source of randomness.

        Raises:
            InputError: a transform has changed the size or dropped keypoints.
        """
        height, width = patch.image.shape[:2]
        boxes = np.concatenate([patch.boxes, patch.unlabelled_boxes])
        groups = [
            patch.keypoints[..., :2].reshape(-1, 2),
            boxes[:, _CORNERS].reshape(-1, 2),
            np.float32([[0, 0], [width, 0], [0, height]]),
        ]
        # Masks of one type, or they would be made floats together.
        area = patch.labelled_area.astype(np.uint8)
        area = cv2.resize(area, (width, height), interpolation=cv2.INTER_NEAREST)
        mask = np.zeros((height, width), np.uint8) if patch.mask is None else patch.mask
        with self._lock:
            self._compose.set_random_seed(int(rng.integers(2**31)))
            # It counts from pixel centres.
            result = self._compose(
                image=patch.image,
                masks=[mask, area],
                keypoints=(np.concatenate(groups) - 0.5).astype(np.float32),
            )
        points = np.asarray(result["keypoints"], np.float32).reshape(-1, 2) + 0.5
        if result["image"].shape != patch.image.shape or len(points) != sum(map(len, groups)):
            raise InputError(
                "augment: a transform changes the size or drops keypoints; use others, and leave "
                "cropping and resizing to the sampler"
            )
        keypoints, corners, marks = np.split(points, np.cumsum([len(g) for g in groups])[:-1])
        return self._moved(patch, result, keypoints, corners, marks)

    def _moved(self, patch, result, points, corners, marks):
        height, width = patch.image.shape[:2]
        axes = (marks[1:] - marks[0]) / np.float32([[width], [height]])
        determinant = np.linalg.det(axes)
        keypoints = patch.keypoints.copy()
        keypoints[..., :2] = points.reshape(keypoints[..., :2].shape)
        inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] < (width, height))
        keypoints[..., 2] *= inside.all(axis=-1)
        labelled, labelled_keypoints = patch.labelled, patch.labelled_keypoints
        if determinant < 0:
            keypoints, labelled = keypoints[:, self.flip_indices], labelled[:, self.flip_indices]
            labelled_keypoints = labelled_keypoints[self.flip_indices]
        corners = corners.reshape(-1, 4, 2)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        mask, area = result["masks"]
        cells = area.reshape(height // STRIDE, STRIDE, width // STRIDE, STRIDE)
        return Patch(
            image=result["image"],
            boxes=boxes[: len(patch.boxes)],
            sizes=patch.sizes * np.sqrt(abs(determinant)),
            keypoints=keypoints,
            labelled=labelled,
            unlabelled_boxes=boxes[len(patch.boxes) :],
            crowd=patch.crowd,
            labelled_keypoints=labelled_keypoints,
            labelled_area=cells.mean(axis=(1, 3)).round().astype(np.float32),
            mask=None if patch.mask is None else mask,
            complete=patch.complete,
        )
