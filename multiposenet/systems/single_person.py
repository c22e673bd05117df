"""Keypoints of the persons whose boxes are known, everybody in one call of a network."""

import numpy as np

from multiposenet.maths import cropping
from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import Skeleton
from multiposenet.systems.compilation import compiled


class SinglePersonEstimator:
    """Finds the keypoints of the one person in each of many boxes.

    Args:
        model: a `keras.Model` from crops (B, h, w, 3), RGB 0-255, to a dict of `keypoints`
            (B, K, 2) in pixels of the crops and `keypoint_scores` (B, K), such as
            `systems.keypoint_model`; or an `ExportedModel` of one.
        skeleton: the K keypoints.
        margin: by which share boxes are made wider and higher.
        batch_size: crops in one call at most; more people take several calls.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, model, skeleton: Skeleton, margin: float, batch_size: int = 32):
        if isinstance(model, ExportedModel):
            count, size = model.skeleton.num_keypoints, model.image_size
        else:
            count, size = model.output["keypoints"].shape[1], model.input_shape[1:3]
        if count != skeleton.num_keypoints:
            raise ValueError(
                f"skeleton: {skeleton.name} has {skeleton.num_keypoints} keypoints, the network "
                f"{count}; give the skeleton that it was trained on"
            )
        if batch_size < 1:
            raise ValueError(f"batch_size: {batch_size}; give at least 1")
        self.model = model
        self.skeleton = skeleton
        self.margin = float(margin)
        self.batch_size = int(batch_size)
        self.size = tuple(size)
        self._predict = compiled(model)

    def __call__(self, images, boxes) -> list[tuple[np.ndarray, np.ndarray]]:
        """Finds the keypoints of the people in some images.

        Args:
            images: arrays (H, W, 3) uint8 RGB.
            boxes: for each image (N, 4) xyxy in its pixels.

        Returns:
            For each image `keypoints` (N, K, 2) xy in its pixels and `keypoint_scores` (N, K),
            float32, in the order of its boxes.
        """
        per_person = self.skeleton.num_keypoints
        counts = [len(own) for own in boxes]
        everybody = np.concatenate([np.zeros((0, 4)), *boxes])
        regions = cropping.regions(everybody, self.size, self.margin)
        owners = np.repeat(np.arange(len(counts)), counts)
        keypoints = np.zeros((len(regions), per_person, 2), np.float32)
        scores = np.zeros((len(regions), per_person), np.float32)
        for start in range(0, len(regions), self.batch_size):
            part = slice(start, start + self.batch_size)
            found = self._run(images, owners[part], regions[part])
            keypoints[part] = cropping.to_image(found["keypoints"], regions[part], self.size)
            scores[part] = found["keypoint_scores"]
        ends = np.cumsum(counts)[:-1]
        return list(zip(np.split(keypoints, ends), np.split(scores, ends), strict=True))

    def _run(self, images, owners, regions) -> dict[str, np.ndarray]:
        """The model's outputs for some regions (B, 4), the owner of each being its image."""
        count = len(regions)
        exported = isinstance(self.model, ExportedModel)
        rows = count if exported else _bucket(count, self.batch_size)
        batch = np.zeros((rows, *self.size, 3), np.float32)
        batch[:count] = self.crops(images, owners, regions)
        return {name: np.asarray(rows)[:count] for name, rows in self._predict(batch).items()}

    def crops(self, images, owners, regions) -> np.ndarray:
        """What the model sees of some regions.

        Args:
            images: arrays (H, W, 3) uint8 RGB.
            owners: (B,) index of the image of each region.
            regions: (B, 4) xyxy, see `cropping.regions`.

        Returns:
            (B, h, w, 3) float32.
        """
        found = np.zeros((len(regions), *self.size, 3), np.float32)
        for owner in np.unique(owners):
            own = np.flatnonzero(owners == owner)
            found[own] = cropping.crops(images[owner], regions[own], self.size)
        return found


def _bucket(count: int, largest: int) -> int:
    """The size of the batch for a number of crops, which empty ones fill.

    JAX compiles once per shape; there it is the next power of two. TensorFlow runs one graph for
    all sizes and torch compiles none, so that empty crops would only cost: a new size takes 0.05 s
    once, an empty crop 0.04 s every time (compact SPPE, one core).
    """
    import keras

    if keras.backend.backend() != "jax":
        return count
    return min(1 << (count - 1).bit_length(), largest)
