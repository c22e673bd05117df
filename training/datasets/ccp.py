"""Clothing Co-Parsing: street-fashion photos with the mask of one upright person.

    folder/photos/STEM.*        the photos
    folder/masks/STEM.png       0 background, 1 person

Yang, Luo and Lin, "Clothing co-parsing by keypoint image segmentation and labeling", CVPR 2014.
There are no keypoints; people in the background are not marked.
"""

from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.sources import read_person_mask
from multiposenet.training.datasets.sample import PERSON, Sample


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the masks of a folder laid out as above; photos are read later.

    Args:
        folder: the folder.
        skeleton: target skeleton; all its keypoints are unlabelled.

    Returns:
        One sample per mask, ordered by name, each with one person whose box encloses the mask.
        A photo whose mask is empty is left out: its person was not marked.

    Raises:
        InputError: there are no masks, one is unreadable, or its photo is missing.
    """
    folder = Path(folder)
    masks = sorted((folder / "masks").glob("*.png"))
    if not masks:
        raise InputError(
            f"{folder / 'masks'}: folder: holds no PNG mask; give the dataset's folder"
        )
    photos = {path.stem: path for path in (folder / "photos").glob("*")}
    samples = (_sample(path, photos.get(path.stem), skeleton) for path in masks)
    return [sample for sample in samples if sample is not None]


def _sample(path: Path, photo: Path | None, skeleton: Skeleton) -> Sample | None:
    if photo is None:
        raise InputError(f"{path}: photo: missing; put it beside the masks, into photos/")
    person = read_person_mask(path) == PERSON
    columns, rows = np.flatnonzero(person.any(axis=0)), np.flatnonzero(person.any(axis=1))
    if not len(rows):
        return None
    keypoints = skeleton.num_keypoints
    return Sample(
        path=photo,
        image_size=person.shape,
        # Pixel i covers [i, i + 1).
        boxes=np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32),
        keypoints=np.zeros((1, keypoints, 3), np.float32),
        labelled=np.zeros((1, keypoints), bool),
        areas=np.array([person.sum()], np.float32),
        crowd_boxes=np.zeros((0, 4), np.float32),
        complete=False,
        single=True,
        mask_path=path,
    )
