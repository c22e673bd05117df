"""The one form in which every dataset reaches training: `Sample`."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from multiposenet import segmentations
from multiposenet.skeleton import Skeleton
from multiposenet.sources import check_size, read_labelled, read_labels, read_person_mask

BACKGROUND, PERSON, IGNORE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Sample:
    """A photo and what is known about the n persons on it, in pixels of that photo.

    Datasets differ in what they label. A sample therefore says what it does not know, so that
    losses can leave it out instead of teaching that nothing is there.

    Attributes:
        path: the photo; opened only by `read_image`.
        image_size: (height, width) of the photo in pixels, as the labels say.
        boxes: (n, 4) float32 xyxy of single persons; groups are in `crowd_boxes`.
        keypoints: (n, K, 3) float32 (x, y, v) in the target skeleton: v is 0 for a keypoint without
            a position (x and y are then 0), 1 for a hidden and 2 for a visible one.
        labelled: (n, K) bool. True: the dataset tells about this keypoint of this person, and v = 0
            then means that it cannot be seen. False: nothing is known about it, so it takes no
            part in a loss. Always true where v > 0.
        areas: (n,) float32 area of each person in square pixels.
        crowd_boxes: (c, 4) float32 xyxy of groups without single annotations, to be ignored.
        complete: every person is in `boxes` or `crowd_boxes`, so all else is background. If
            false, nothing is known outside `boxes`.
        single: exactly one person is annotated, others may be around it.
        mask_path: PNG of the photo's size; or None.
        mask_labels: values of persons and of pixels to be ignored in that file; all others are
            background.
        segmentations: COCO polygons or run-length codes of all persons and then of all crowds,
            from which `read_mask` draws the mask when there is no file; or None.
        head_sizes: (n,) float32 size of each head in pixels, the unit of PCKh; or None.
    """

    path: Path
    image_size: tuple[int, int]
    boxes: np.ndarray
    keypoints: np.ndarray
    labelled: np.ndarray
    areas: np.ndarray
    crowd_boxes: np.ndarray
    complete: bool
    single: bool
    mask_path: Path | None = None
    segmentations: tuple | None = field(default=None, repr=False)
    mask_labels: tuple[int, int] = (PERSON, IGNORE)
    head_sizes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def files(self) -> tuple[Path | None, ...]:
        """What photo and mask are read from."""
        return self.path, self.mask_path

    @property
    def has_mask(self) -> bool:
        """Whether `read_mask` gives a mask."""
        return self.mask_path is not None or self.segmentations is not None

    def read_image(self) -> np.ndarray:
        """Returns the photo, (H, W, 3) uint8 RGB.

        Raises:
            InputError: the file is missing, unreadable, or not of `image_size`.
        """
        return read_labelled(self.path, self.image_size)

    def read_mask(self) -> np.ndarray | None:
        """Returns the (H, W) uint8 mask, 0 background, 1 person, 2 ignore; None without one.

        Raises:
            InputError: the file is missing, unreadable, or not of `image_size`.
        """
        if self.mask_path is not None:
            person, ignored = self.mask_labels
            usual = (person, ignored) == (PERSON, IGNORE)
            labels = (read_person_mask if usual else read_labels)(self.mask_path)
            check_size(self.mask_path, labels.shape, self.image_size)
            mask = np.where(labels == person, PERSON, BACKGROUND)
            return np.where(labels == ignored, IGNORE, mask).astype(np.uint8)
        if self.segmentations is None:
            return None
        count = len(self)
        return segmentations.person_mask(
            self.segmentations[:count], self.segmentations[count:], self.image_size
        )


def to_skeleton(
    keypoints: np.ndarray, source: Skeleton, target: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Rearranges keypoints of one skeleton into another by keypoint names.

    Args:
        keypoints: (n, J, 3) (x, y, v) in the source skeleton.
        source: skeleton of the dataset.
        target: skeleton wanted.

    Returns:
        (n, K, 3) float32 keypoints in the target skeleton, all 0 where v is 0 or the source lacks
        the keypoint, and (K,) bool: the keypoints that the source has.
    """
    indices = target.indices_from(source)
    shared = indices >= 0
    mapped = np.where(shared[:, None], keypoints[:, indices], 0)
    return np.where(mapped[:, :, 2:] > 0, mapped, 0).astype(np.float32), shared
