"""PASCAL VOC: boxes of persons, and masks of some photos.

    folder/Annotations/STEM.xml         boxes of all objects
    folder/JPEGImages/STEM.jpg          the photos
    folder/SegmentationClass/STEM.png   some: 15 person, 255 void, all else no person
    folder/ImageSets/Main/SPLIT.txt     optional: stems of a split

Everingham et al., "The PASCAL visual object classes challenge", IJCV 2015. There are no keypoints.
Persons marked as difficult are not counted by VOC; here they are crowds, about which nothing is
taught.
"""

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from multiposenet.errors import AnnotationError, InputError
from multiposenet.json_table import FAR, read_bytes
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets.files import photo_of, read_text
from multiposenet.training.datasets.sample import Sample

PERSON_LABEL, VOID_LABEL = 15, 255


def read(
    folder: str | Path, skeleton: Skeleton = COCO_17, split: str | None = None
) -> list[Sample]:
    """Reads the annotations of a folder laid out as above; photos are read later.

    Args:
        folder: the folder, such as `VOCdevkit/VOC2012`.
        skeleton: target skeleton; all its keypoints are unlabelled.
        split: name of a file in `ImageSets/Main`, such as `"trainval"`; by default all photos.

    Returns:
        One sample per annotation file, ordered by name, also for photos without persons.

    Raises:
        AnnotationError: an annotation file is malformed.
        InputError: there are none, or a photo is missing.
    """
    folder = Path(folder)
    paths = sorted((folder / "Annotations").glob("*.xml"))
    if split is not None:
        stems = _stems(folder / "ImageSets" / "Main" / f"{split}.txt")
        paths = [path for path in paths if path.stem in stems]
    if not paths:
        raise InputError(
            f"{folder / 'Annotations'}: folder: holds no XML file; give VOC's folder, with "
            "Annotations and JPEGImages"
        )
    return [_sample(folder, path, skeleton) for path in paths]


def _stems(path: Path) -> set[str]:
    if not path.is_file():
        raise InputError(f"{path}: split: no such file; check its name")
    return {line.split()[0] for line in read_text(path).splitlines() if line.strip()}


def _sample(folder: Path, path: Path, skeleton: Skeleton) -> Sample:
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: encodings
        raise AnnotationError(f"{path}: file: not XML ({error}); restore the file") from error
    size = tuple(round(_number(path, root, f"size/{side}")) for side in ("height", "width"))
    if min(size) < 1:
        raise AnnotationError(f"{path}: size: {size[1]}x{size[0]}; restore the file")
    persons = [entry for entry in root.iter("object") if entry.findtext("name") == "person"]
    boxes = np.array([_box(path, person) for person in persons], np.float32).reshape(-1, 4)
    difficult = np.array([person.findtext("difficult") == "1" for person in persons], bool)
    single = boxes[~difficult]
    mask = folder / "SegmentationClass" / f"{path.stem}.png"
    keypoints = (len(single), skeleton.num_keypoints)
    return Sample(
        path=photo_of(folder / "JPEGImages", root.findtext("filename") or f"{path.stem}.jpg"),
        image_size=size,
        boxes=single,
        keypoints=np.zeros((*keypoints, 3), np.float32),
        labelled=np.zeros(keypoints, bool),
        areas=np.prod(single[:, 2:] - single[:, :2], axis=1),
        crowd_boxes=boxes[difficult],
        complete=True,
        single=False,
        mask_path=mask if mask.is_file() else None,
        mask_labels=(PERSON_LABEL, VOID_LABEL),
    )


def _box(path, person):
    """xyxy; the file counts pixels from 1 and includes the last one."""
    x1, y1, x2, y2 = (
        _number(path, person, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")
    )
    if x1 > x2 or y1 > y2:
        raise AnnotationError(f"{path}: bndbox: ends before it begins; restore the file")
    return x1 - 1, y1 - 1, x2, y2


def _number(path, element, field):
    text = element.findtext(field)
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not abs(value) <= FAR:
        raise AnnotationError(
            f"{path}: {field}: {text!r:.60} is no number of pixels; restore the file"
        )
    return value
