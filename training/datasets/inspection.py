"""All that is wrong with an annotation file, in one go.

`CocoAnnotations.load` stops at the first defect that would break a program. This goes on, and also
names what breaks nothing and teaches a network wrong things all the same: points beside the photo,
sides mixed up, persons listed twice. `KINDS` says by which rule each kind is found.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.json_table import fail
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.training.datasets import mirrored

BOX_MARGIN = 0.21  # as the PRN takes points outside a box
_SAME_BOX = 0.95

KINDS = {
    "bad_field": "a field is missing or not of the right form",
    "refused": "what else keeps CocoAnnotations.load from reading the file",
    "repeated_image_id": "two entries of images have one id",
    "repeated_file_name": "two entries of images name one file",
    "unknown_image": "image_id is not in images",
    "unknown_category": "category_id is not in categories",
    "repeated_id": "two annotations of one photo have one id",
    "repeated_id_across_photos": "annotations of different photos have one id",
    "bad_visibility": "a visibility flag is not 0, 1 or 2",
    "wrong_num_keypoints": "num_keypoints is not the number of keypoints with v > 0",
    "empty_box": "the width or height of a box is 0",
    "box_outside_photo": "a box reaches more than 1 pixel beyond the photo",
    "wrong_area": "an area is 0, or more than 1 % larger than its box",
    "point_outside_photo": "a labelled keypoint lies beside the photo",
    "point_outside_box": f"a labelled keypoint lies beside its box by more than {BOX_MARGIN:.0%} "
    "of the box's width or height",
    "sides_swapped": mirrored.RULE,
    "repeated_person": "two persons of a photo have the same three or more keypoints, or boxes "
    f"with an IoU above {_SAME_BOX} and no keypoints that differ",
    "missing_photo": "the photo's file does not exist",
    "unreadable_photo": "the photo's file is no image",
    "wrong_size": "the photo's file has not the size that the annotations say",
    "bad_mask": 'the mask of a photo with "mask": true is missing, unreadable, of another size, '
    "or has values other than 0, 1 and 2",
}


# What `CocoAnnotations.load` refuses as well.
_REFUSED = {"bad_field", "repeated_image_id", "repeated_id", "unknown_image", "unknown_category"}


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


@dataclass(frozen=True)
class Person:
    """A person as it is annotated, as far as the annotation can be read.

    Attributes:
        id: of the annotation.
        xywh: (4,) float64 box, NaN if unreadable.
        keypoints: (K, 3) float64 (x, y, v), 0 if there are none.
        crowd: whether it stands for a group.
    """

    id: object
    xywh: np.ndarray
    keypoints: np.ndarray
    crowd: bool


class Inspection:
    """The checks of one file.

    Args:
        content: the file's JSON object.
        name: of the file, for errors.
        photos: folder of the photos; without it they are not looked at.
        masks: folder of the masks, likewise.

    Attributes:
        findings: list of `Finding`, in the order of the checks.
        images: the image entries that have an id, by id.
        persons: the persons of each image id.
        joints: names of the keypoints.

    Raises:
        AnnotationError: `content` is no object with lists of images, annotations and categories,
            or there is no category of persons.
    """

    def __init__(
        self,
        content: dict,
        name: str | Path,
        photos: Path | None = None,
        masks: Path | None = None,
    ):
        self.findings: list[Finding] = []
        self.images: dict[int, dict] = {}
        self.persons: dict[int, list[Person]] = defaultdict(list)
        images, annotations, self._categories = (
            _entries(content, field, name) for field in ("images", "annotations", "categories")
        )
        self._category = _category(self._categories, name)
        self.joints = tuple(self._category.get("keypoints") or COCO_17.keypoints)
        self._check_images(images)
        self._check_annotations(annotations)
        self._check_persons()
        if photos is not None:
            self._check_photos(photos)
        if masks is not None:
            self._check_masks(masks)

    def counts(self) -> dict:
        """Photos, persons, crowds, and labelled and visible keypoints by joint."""
        everybody = [person for persons in self.persons.values() for person in persons]
        single = [person for person in everybody if not person.crowd]
        flags = np.array([p.keypoints[:, 2] for p in single]).reshape(-1, len(self.joints))
        return {
            "photos": len(self.images),
            "photos_without_persons": sum(not self.persons.get(image) for image in self.images),
            "persons": len(single),
            "persons_without_keypoints": int((flags == 0).all(axis=1).sum()),
            "crowds": len(everybody) - len(single),
            "keypoints": {
                joint: {"labelled": int((flag > 0).sum()), "visible": int((flag == 2).sum())}
                for joint, flag in zip(self.joints, flags.T, strict=True)
            },
        }

    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings of each kind that occurs."""
        found = defaultdict(list)
        for finding in self.findings:
            found[finding.kind].append(finding)
        return {kind: found[kind] for kind in KINDS if kind in found}

    def refuse(self, error: Exception) -> None:
        """Adds what stopped another reader, unless a finding says why already."""
        if not any(finding.kind in _REFUSED for finding in self.findings):
            self._add("refused", None, None, str(error))

    def skeleton(self) -> Skeleton:
        """The joints for drawing, without limbs where the file's names or limbs are not usable."""
        for known in (COCO_17, MPII_16, LSP_14):
            if self.joints == known.keypoints:
                return known
        sigmas = [0.1] * len(self.joints)
        try:
            limbs = tuple((a - 1, b - 1) for a, b in self._category.get("skeleton") or ())
            return Skeleton("own", self.joints, limbs, sigmas)
        except (TypeError, ValueError):
            names = tuple(f"joint_{joint}" for joint in range(len(self.joints)))
            return Skeleton("own", names, (), sigmas)

    def _add(self, kind, image, annotation, message):
        self.findings.append(Finding(kind, image, annotation, message))

    def _check_images(self, entries):
        names = Counter()
        for place, entry in enumerate(entries):
            image = _integer(entry, "id")
            if image is None:
                self._add("bad_field", None, None, f"images[{place}]: no object with a number id")
                continue
            if image in self.images:
                self._add("repeated_image_id", image, None, f"is images[{place}] too")
                continue
            self.images[image] = entry
            name = entry.get("file_name")
            if not (isinstance(name, str) and name):
                self._add("bad_field", image, None, f"file_name: {_short(name)}")
            elif names[name]:
                self._add("repeated_file_name", image, None, name)
            names[name if isinstance(name, str) else None] += 1
            for side in ("width", "height"):
                value = entry.get(side)
                if not (_is_number(value) and value == int(value) and value > 0):
                    self._add("bad_field", image, None, f"{side}: {_short(value)}")

    def _check_annotations(self, entries):
        known = {_integer(category, "id") for category in self._categories} - {None}
        wanted = _integer(self._category, "id")
        seen = {}
        for place, entry in enumerate(entries):
            if type(entry) is not dict:
                self._add("bad_field", None, None, f"annotations[{place}]: not an object")
                continue
            own, image = _integer(entry, "id"), _integer(entry, "image_id")
            if own is None:
                told = _short(entry.get("id"))
                self._add("bad_field", None, None, f"annotations[{place}].id: {told}")
            elif own in seen:
                kind = "repeated_id" if image in seen[own] else "repeated_id_across_photos"
                also = ", ".join(str(other) for other in seen[own][:3])
                self._add(kind, image, own, f"is on image {also} too")
            if None not in (own, image):
                seen.setdefault(own, []).append(image)
            category = _integer(entry, "category_id")
            if category not in known:
                told = _short(entry.get("category_id"))
                self._add("unknown_category", image, own, f"category_id: {told}")
            if category != wanted:
                continue
            if image not in self.images:
                told = _short(entry.get("image_id"))
                self._add("unknown_image", None, own, f"image_id: {told}")
                continue
            self.persons[image].append(self._person(entry, image, own))

    def _person(self, entry, image, own):
        """A person, without what of it cannot be read, which is named."""
        box, points = entry.get("bbox"), entry.get("keypoints")
        if not _is_list(box, 4) or min(box[2:]) < 0:
            self._add("bad_field", image, own, f"bbox: {_short(box)}")
            box = [np.nan] * 4
        width = 3 * len(self.joints)
        # Without names of keypoints it is a file of boxes.
        if not _is_list(points, width) and (points is not None or self._category.get("keypoints")):
            self._add("bad_field", image, own, f"keypoints: {_short(points)}")
            points = None
        points = np.reshape(points or [0] * width, (-1, 3)).astype(float)
        crowd = entry.get("iscrowd") or 0
        if crowd not in (0, 1):
            self._add("bad_field", image, own, f"iscrowd: {_short(crowd)}")
        odd = ~np.isin(points[:, 2], (0, 1, 2))
        if odd.any():
            self._add("bad_visibility", image, own, self._points(points, odd))
        labelled, told = int((points[:, 2] > 0).sum()), entry.get("num_keypoints")
        if told is not None and told != labelled:
            self._add("wrong_num_keypoints", image, own, f"{_short(told)}, counted {labelled}")
        self._check_area(entry.get("area"), image, own, box)
        return Person(own, np.array(box, float), points, bool(crowd))

    def _check_area(self, area, image, own, box):
        if area is None:
            return
        if not _is_number(area):
            self._add("bad_field", image, own, f"area: {_short(area)}")
        elif area <= 0 or area > 1.01 * box[2] * box[3] + 1:
            size = f"{box[2]:g} x {box[3]:g}"
            self._add("wrong_area", image, own, f"{area:g} in a box of {size}")

    def _check_persons(self):
        for image, persons in self.persons.items():
            size = np.array([_side(self.images[image], s) for s in ("width", "height")])
            for person in persons:
                self._check_places(image, person, size)
                reason = mirrored.suspect(person.keypoints, self.joints)
                if reason and not person.crowd:
                    self._add("sides_swapped", image, person.id, reason)
            for first, second in _repeated([p for p in persons if not p.crowd]):
                self._add("repeated_person", image, second.id, f"is annotation {first.id} again")

    def _check_places(self, image, person, size):
        low, extent = person.xywh[:2], person.xywh[2:]
        if (extent == 0).any():
            self._add("empty_box", image, person.id, f"{extent[0]:g} x {extent[1]:g}")
        if (low < -1).any() or (low + extent > size + 1).any():
            box = ", ".join(f"{v:g}" for v in person.xywh)
            photo = f"{size[0]:g} x {size[1]:g}"
            self._add("box_outside_photo", image, person.id, f"[{box}] on a photo of {photo}")
        points, labelled = person.keypoints[:, :2], person.keypoints[:, 2] > 0
        outside = labelled & ((points < 0) | (points > size)).any(axis=1)
        if outside.any():
            text = self._points(person.keypoints, outside)
            self._add("point_outside_photo", image, person.id, text)
        far = np.maximum(low - points, points - low - extent) > BOX_MARGIN * extent
        far = labelled & ~outside & far.any(axis=1)
        if far.any() and not person.crowd:
            self._add("point_outside_box", image, person.id, self._points(person.keypoints, far))

    def _points(self, points, chosen) -> str:
        shown = [f"{self.joints[j]} ({points[j, 0]:g}, {points[j, 1]:g}, v {points[j, 2]:g})"
                 for j in np.flatnonzero(chosen)]  # fmt: skip
        return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")

    def _check_photos(self, folder):
        from multiposenet.sources import image_size

        for image, entry in self.images.items():
            name = entry.get("file_name")
            if not isinstance(name, str):
                continue
            path = Path(folder) / name
            if not path.is_file():
                self._add("missing_photo", image, None, str(path))
                continue
            try:
                height, width = image_size(path)
            except InputError as error:
                self._add("unreadable_photo", image, None, str(error))
                continue
            if (width, height) != (entry.get("width"), entry.get("height")):
                told = f"{entry.get('width')}x{entry.get('height')}"
                self._add("wrong_size", image, None, f"{path}: {width}x{height}, not {told}")

    def _check_masks(self, folder):
        from multiposenet.sources import read_labels

        for image, entry in self.images.items():
            if not (entry.get("mask") and isinstance(entry.get("file_name"), str)):
                continue
            path = Path(folder) / Path(entry["file_name"]).with_suffix(".png").name
            try:
                labels = read_labels(path)
            except InputError as error:
                self._add("bad_mask", image, None, str(error))
                continue
            if labels.shape != (entry.get("height"), entry.get("width")):
                size = f"{labels.shape[1]}x{labels.shape[0]}"
                self._add("bad_mask", image, None, f"{path}: {size}")
            elif labels.max() > 2:
                self._add("bad_mask", image, None, f"{path}: has the value {labels.max()}")


def _entries(content, field, name) -> list:
    entries = content.get(field) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        fail(name, field, "missing or not a list", f"add the COCO list '{field}'")
    return entries


def _category(categories, name) -> dict:
    categories = [c for c in categories if _integer(c, "id") is not None]
    persons = [c for c in categories if c.get("name") == "person"]
    for category in persons[:1] or categories[: len(categories) == 1]:
        names = category.get("keypoints") or []
        if not (isinstance(names, list) and all(isinstance(joint, str) for joint in names)):
            fail(name, "categories.keypoints", "not a list of names", "list the joints' names")
        return category
    fail(name, "categories", "no 'person'", "add the category of persons")


def _repeated(persons: list[Person]) -> Iterator[tuple[Person, Person]]:
    """Pairs of persons that are probably one, the earlier one first."""
    if len(persons) < 2:
        return
    points = np.array([p.keypoints * (p.keypoints[:, 2:] > 0) for p in persons])
    boxes = np.array([p.xywh for p in persons])
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    overlap = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    overlap = np.maximum(overlap, 0).prod(axis=-1)
    areas = boxes[:, 2:].prod(axis=1)
    union = np.maximum(areas[:, None] + areas - overlap, 1e-9)
    labelled = (points[:, :, 2] > 0).sum(axis=1)
    for first, second in zip(*np.triu_indices(len(persons), 1), strict=True):
        same = (points[first] == points[second]).all()
        unlike = labelled[first] and labelled[second] and not same
        alike = overlap[first, second] > _SAME_BOX * union[first, second]
        if (same and labelled[first] >= 3) or (alike and not unlike):
            yield persons[first], persons[second]


def _integer(entry, field) -> int | None:
    """A field that holds a whole number, 2.0 among them; else None."""
    value = entry.get(field) if type(entry) is dict else None
    return int(value) if _is_number(value) and value == int(value) else None


def _is_number(value) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15  # false for NaN too


def _is_list(value, length: int) -> bool:
    return type(value) is list and len(value) == length and all(map(_is_number, value))


def _side(entry, name) -> float:
    value = entry.get(name)
    return float(value) if _is_number(value) and value > 0 else np.inf


def _short(value) -> str:
    return "missing" if value is None else f"{value!r:.60}"
