"""A photo whose labels can be read off its pixels: a coloured blob per keypoint, a mask per box.

Keypoint 0 is a red blob, keypoint 1 (left) a green one, keypoint 2 (right) a blue one.
"""

import albumentations
import numpy as np
from PIL import Image

from multiposenet.training.datasets.sample import IGNORE, PERSON, Sample
from multiposenet.training.patches.sampler import PatchSampler

FLIP = np.array([0, 2, 1])
PLAIN = albumentations.Compose([])  # no change of colours


def blobs(points, image_size, sigma=5.0):
    """Black photo with a blob at each of the three ``points`` (x, y); NaN draws none."""
    height, width = image_size
    y, x = np.mgrid[:height, :width] + 0.5
    channels = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in points]
    return (255 * np.nan_to_num(np.stack(channels, axis=-1))).round().astype(np.uint8)


def blob_places(image):
    """Centroids of the bright pixels of each channel, ``(3, 2)`` xy; NaN where there are none."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    places = []
    for channel in np.moveaxis(image.astype(float), -1, 0):
        # Brighter than the grey padding.
        weight = np.clip(channel - 140, 0, None)
        total = weight.sum() or np.nan
        places.append([(weight * x).sum() / total, (weight * y).sum() / total])
    return np.array(places)


def sample(folder, points, boxes, *, image_size=(160, 200), labelled=None, crowd=(), mask=True,
           complete=True, single=False, sigma=5.0):  # fmt: skip
    """A ``Sample`` of persons in ``boxes``; the first has the keypoints ``points``, all visible.

    Others have none. ``labelled`` is ``(n, 3)``, by default the first person in full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    crowd = np.array(crowd, np.float32).reshape(-1, 4)
    keypoints = np.zeros((len(boxes), 3, 3), np.float32)
    if len(boxes):
        keypoints[0] = np.column_stack([points, np.full(3, 2)])
        keypoints = np.nan_to_num(keypoints * ~np.isnan(keypoints).any(axis=-1, keepdims=True))
    if labelled is None:
        labelled = np.arange(len(boxes))[:, None] == np.zeros(3)
    Image.fromarray(blobs(points, image_size, sigma)).save(folder / "photo.png")
    if mask:
        labels = np.zeros(image_size, np.uint8)
        for group, value in ((crowd, IGNORE), (boxes, PERSON)):
            for x1, y1, x2, y2 in group.astype(int):
                labels[y1:y2, x1:x2] = value
        Image.fromarray(labels).save(folder / "mask.png")
    return Sample(
        path=folder / "photo.png",
        image_size=image_size,
        boxes=boxes,
        keypoints=keypoints,
        labelled=np.asarray(labelled, bool).reshape(len(boxes), 3),
        areas=(boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        crowd_boxes=crowd,
        complete=complete,
        single=single,
        mask_path=folder / "mask.png" if mask else None,
    )


def sampler(size=128, **options):
    """A ``PatchSampler`` that leaves colours alone."""
    options = {"person_size": (30.0, 80.0), "color": PLAIN} | options
    return PatchSampler(size, FLIP, **options)
