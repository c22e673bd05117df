"""Kinds of defects of a data set, and what is found of them."""

from dataclasses import dataclass

from multiposenet.json_table import FAR
from multiposenet.training.datasets import mirrored

BOX_MARGIN = 0.21  # as the PRN takes points outside a box
SAME_BOX = 0.95

KINDS = {
    "bad_field": "a field is missing or not of the right form",
    "bad_segmentation": "a segmentation is not of the right form or does not fit the photo",
    "refused": "what else keeps CocoAnnotations.load from reading the file",
    "repeated_image_id": "two entries of images have one id",
    "repeated_file_name": "two entries of images name one file",
    "unknown_image": "image_id is not in images",
    "unknown_category": "category_id is not in categories",
    "repeated_id": "two annotations of one photo have one id",
    "repeated_id_across_photos": "annotations of different photos have one id",
    "bad_limb": "an entry of categories.skeleton is no pair of keypoint numbers, counted from 1",
    "bad_visibility": "a visibility flag is not 0, 1 or 2",
    "position_without_visibility": "a keypoint has a position and the flag 0, not labelled",
    "wrong_num_keypoints": "num_keypoints is not the number of keypoints with v > 0",
    "empty_box": "the width or height of a box is 0",
    "box_outside_photo": "a box reaches more than 1 pixel beyond the photo",
    "wrong_area": "an area is 0, or more than 1 % larger than its box",
    "small_area": "an area is 1 or less, or below 1 % of its box: AP by OKS would be about 0",
    "no_outline": "a polygon has fewer than three corners, so there is no mask of it",
    "point_outside_photo": "a labelled keypoint lies beside the photo",
    "point_outside_box": f"a labelled keypoint lies beside its box by more than {BOX_MARGIN:.0%} "
    "of the box's width or height",
    "sides_swapped": mirrored.RULE,
    "repeated_person": "two persons of a photo have the same three or more keypoints, or boxes "
    f"with an IoU above {SAME_BOX} and no keypoints that differ",
    "backslash_name": "a file_name has backslashes, which only some systems take for slashes",
    "missing_photo": "the photo's file does not exist",
    "unreadable_photo": "the photo's file is no image, is damaged, or too large",
    "wrong_size": "the photo's file has not the size that the annotations say",
    "turned_photo": "the photo's EXIF data turn it, and the labels are for it as stored, or may be",
    "bad_mask": 'the mask of a photo with "mask": true is missing, unreadable, of another size, '
    "or has values other than 0, 1 and 2",
    "mask_of_255": "a mask has 0 and 255, which are read as 0 and 1",
}

# What `CocoAnnotations.load` refuses as well.
REFUSED = {
    "bad_field",
    "bad_segmentation",
    "repeated_image_id",
    "repeated_id",
    "unknown_image",
    "unknown_category",
}


@dataclass(frozen=True)
class Finding:
    """One defect.

    Attributes:
        kind: key of `KINDS`.
        image: id of the image entry, if the defect is of one.
        annotation: id of the annotation, likewise.
        message: the value at fault.
    """

    kind: str
    image: object
    annotation: object
    message: str

    def __str__(self) -> str:
        places = (("image", self.image), ("annotation", self.annotation))
        where = [f"{name} {value}" for name, value in places if value is not None]
        return f"{', '.join(where)}: {self.message}" if where else self.message


def identity(entry, field: str, texts: bool = True) -> int | str | None:
    """A field that holds a whole number, 2.0 among them, or text if that is allowed; else None."""
    value = entry.get(field) if type(entry) is dict else None
    if isinstance(value, str):
        return value if texts else None
    return int(value) if is_number(value) and value == int(value) else None


def all_texts(entries: list) -> bool:
    """Whether the ids of all entries are text: a file has numbers or texts, not both."""
    return all(type(entry) is dict and isinstance(entry.get("id"), str) for entry in entries)


def is_number(value) -> bool:
    """Whether a value is a number that a 64-bit integer can hold; NaN is none."""
    return type(value) in (int, float) and abs(value) < 2**63


def is_list(value, length: int) -> bool:
    """Whether a value is a list of this many numbers of pixels."""
    return (
        type(value) is list
        and len(value) == length
        and all(is_number(number) and abs(number) <= FAR for number in value)
    )


def short(value) -> str:
    """A value as messages show it."""
    return "missing" if value is None else f"{value!r:.60}"
