"""The checks of an annotation file's entries, one by one."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from multiposenet import keypoint_names, segmentations
from multiposenet.annotations import is_doubtful_area, is_file_name
from multiposenet.categories import limbs_of
from multiposenet.json_table import fail
from multiposenet.skeleton import COCO_17, LSP_14, MAX_KEYPOINTS, MPII_16, Skeleton
from multiposenet.training.datasets.inspection.findings import (
    KINDS,
    REFUSED,
    Finding,
    all_texts,
    identity,
    is_list,
    is_number,
    short,
)
from multiposenet.training.datasets.inspection.persons import Person, points_text
from multiposenet.training.datasets.inspection.persons import check as check_persons
from multiposenet.training.datasets.inspection.photos import check_masks, check_photos


class Inspection:
    """The checks of one file.

    Args:
        content: the file's JSON object.
        name: of the file, for errors.
        photos: folder of the photos; without it they are not looked at.
        masks: folder of the masks, likewise.
        skeleton: of a category that names no keypoints; by default COCO_17.
        decode: read the photos' pixels, not only their headers.

    Attributes:
        findings: list of `Finding`, in the order of the checks.
        images: the image entries that have an id, by id.
        persons: the persons of each image id.
        keypoints: names of the keypoints.

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
        skeleton: Skeleton | None = None,
        decode: bool = True,
    ):
        self.findings: list[Finding] = []
        self.images: dict[int | str, dict] = {}
        self.persons: dict[int | str, list[Person]] = defaultdict(list)
        images, annotations, self._categories = (
            _entries(content, field, name) for field in ("images", "annotations", "categories")
        )
        self._category = _category(self._categories, name)
        unnamed = skeleton or COCO_17
        self.keypoints = tuple(self._category.get("keypoints") or unnamed.keypoints)
        self._check_limbs()
        self._check_images(images)
        self._check_annotations(annotations)
        for image, persons in self.persons.items():
            size = np.array([_side(self.images[image], s) for s in ("width", "height")])
            check_persons(image, persons, size, self.keypoints, self._add)
        if photos is not None:
            check_photos(self.images.items(), Path(photos), self._add, decode)
        if masks is not None:
            check_masks(self.images.items(), Path(masks), self._add)

    def counts(self) -> dict:
        """Photos, persons, crowds, and labelled and visible keypoints by keypoint."""
        everybody = [person for persons in self.persons.values() for person in persons]
        single = [person for person in everybody if not person.crowd]
        flags = np.array([p.keypoints[:, 2] for p in single]).reshape(-1, len(self.keypoints))
        return {
            "photos": len(self.images),
            "photos_without_persons": sum(not self.persons.get(image) for image in self.images),
            "persons": len(single),
            "persons_without_keypoints": int((flags == 0).all(axis=1).sum()),
            "crowds": len(everybody) - len(single),
            "keypoints": {
                keypoint: {"labelled": int((flag > 0).sum()), "visible": int((flag == 2).sum())}
                for keypoint, flag in zip(self.keypoints, flags.T, strict=True)
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
        if not any(finding.kind in REFUSED for finding in self.findings):
            self._add("refused", None, None, str(error))

    def skeleton(self) -> Skeleton:
        """The keypoints for drawing; without limbs where the file's names or limbs are unusable."""
        for known in (COCO_17, MPII_16, LSP_14):
            if self.keypoints == known.keypoints:
                return known
        sigmas = [0.1] * len(self.keypoints)
        try:
            limbs = limbs_of(self._category)[0] if self._category.get("keypoints") else ()
            return Skeleton("own", self.keypoints, limbs, sigmas)
        except (TypeError, ValueError):
            names = tuple(f"keypoint_{keypoint}" for keypoint in range(len(self.keypoints)))
            return Skeleton("own", names, (), sigmas)

    def _add(self, kind, image, annotation, message):
        self.findings.append(Finding(kind, image, annotation, message))

    def pairs(self) -> list[tuple[str, str]]:
        """Names of the keypoints that are each other's mirror image."""
        try:
            partners = keypoint_names.mirrors(self.keypoints)
        except ValueError:  # `refuse` has it
            return []
        return [
            (self.keypoints[first], self.keypoints[second])
            for first, second in enumerate(partners)
            if first < second
        ]

    def _check_limbs(self):
        if not self._category.get("keypoints"):
            return
        for limb in limbs_of(self._category)[1]:
            text = f"{short(limb)}: keypoints are counted from 1 to {len(self.keypoints)}"
            self._add("bad_limb", None, None, f"categories.skeleton: {text}")

    def _check_images(self, entries):
        names, texts = Counter(), all_texts(entries)
        for place, entry in enumerate(entries):
            image = identity(entry, "id", texts)
            if image is None:
                self._add("bad_field", None, None, f"images[{place}]: no object with an id")
                continue
            if image in self.images:
                self._add("repeated_image_id", image, None, f"is images[{place}] too")
                continue
            self.images[image] = entry
            name = entry.get("file_name")
            if not is_file_name(name):
                self._add("bad_field", image, None, f"file_name: {short(name)}")
            elif names[name]:
                self._add("repeated_file_name", image, None, name)
            elif "\\" in name:
                self._add("backslash_name", image, None, name)
            names[name if isinstance(name, str) else None] += 1
            for side in ("width", "height"):
                value = entry.get(side)
                if not (is_number(value) and value == int(value) and 0 < value <= 1e6):
                    self._add("bad_field", image, None, f"{side}: {short(value)}")

    def _check_annotations(self, entries):
        known = {identity(category, "id") for category in self._categories} - {None}
        wanted = identity(self._category, "id")
        seen, texts = {}, all_texts(entries)
        for place, entry in enumerate(entries):
            if type(entry) is not dict:
                self._add("bad_field", None, None, f"annotations[{place}]: not an object")
                continue
            own, image = identity(entry, "id", texts), identity(entry, "image_id")
            if own is None:
                told = short(entry.get("id"))
                self._add("bad_field", None, None, f"annotations[{place}].id: {told}")
            elif own in seen:
                kind = "repeated_id" if image in seen[own] else "repeated_id_across_photos"
                also = ", ".join(str(other) for other in seen[own][:3])
                self._add(kind, image, own, f"is on image {also} too")
            if None not in (own, image):
                seen.setdefault(own, []).append(image)
            category = identity(entry, "category_id")
            if category not in known:
                told = short(entry.get("category_id"))
                self._add("unknown_category", image, own, f"category_id: {told}")
            if category != wanted:
                continue
            if image not in self.images:
                told = short(entry.get("image_id"))
                self._add("unknown_image", None, own, f"image_id: {told}")
                continue
            self.persons[image].append(self._person(entry, image, own))

    def _person(self, entry, image, own):
        """A person, without what of it cannot be read, which is named."""
        box = entry.get("bbox")
        if not is_list(box, 4) or min(box[2:]) < 0:
            self._add("bad_field", image, own, f"bbox: {short(box)}")
            box = [np.nan] * 4
        points = self._keypoints(entry, image, own)
        crowd = entry.get("iscrowd") or 0
        if crowd not in (0, 1):
            self._add("bad_field", image, own, f"iscrowd: {short(crowd)}")
        self._check_area(entry.get("area"), image, own, box, crowd)
        self._check_segmentation(entry.get("segmentation"), image, own)
        return Person(own, np.array(box, float), points, bool(crowd))

    def _keypoints(self, entry, image, own) -> np.ndarray:
        points, told = entry.get("keypoints"), entry.get("num_keypoints")
        width = 3 * len(self.keypoints)
        nothing = points is None or points == []
        # Persons without labels may have none, and so has a file of boxes.
        if nothing and told and self._category.get("keypoints"):
            self._add("bad_field", image, own, f"keypoints: none, num_keypoints {short(told)}")
            told = None
        elif not nothing and not is_list(points, width):
            self._add("bad_field", image, own, f"keypoints: {short(points)}")
            nothing = True
        points = np.reshape([0] * width if nothing else points, (-1, 3)).astype(float)
        odd = ~np.isin(points[:, 2], (0, 1, 2))
        if odd.any():
            text = points_text(points, odd, self.keypoints)
            self._add("bad_visibility", image, own, text)
        placed = (points[:, 2] == 0) & points[:, :2].any(axis=1)
        if placed.any():
            text = points_text(points, placed, self.keypoints)
            self._add("position_without_visibility", image, own, text)
        labelled = int((points[:, 2] > 0).sum())
        if told is not None and told != labelled:
            self._add("wrong_num_keypoints", image, own, f"{short(told)}, counted {labelled}")
        return points

    def _check_area(self, area, image, own, box, crowd):
        if area is None:
            return
        size, all_of_it = f"{box[2]:g} x {box[3]:g}", box[2] * box[3]
        if not is_number(area) or area < 0:
            self._add("bad_field", image, own, f"area: {short(area)}")
        elif area == 0 or area > 1.01 * all_of_it + 1:
            self._add("wrong_area", image, own, f"{area:g} in a box of {size}")
        elif not crowd and is_doubtful_area(area, all_of_it):
            self._add("small_area", image, own, f"{area:g} in a box of {size}")

    def _check_segmentation(self, value, image, own):
        height, width = (_side(self.images[image], side) for side in ("height", "width"))
        if problem := segmentations.problem(value, height, width):
            self._add("bad_segmentation", image, own, problem.partition("; ")[0])
        elif value and segmentations.clean(value) != value:
            self._add("no_outline", image, own, short(value))


def _entries(content, field, name) -> list:
    entries = content.get(field) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        fail(name, field, "missing or not a list", f"add the COCO list '{field}'")
    return entries


def _category(categories, name) -> dict:
    categories = [c for c in categories if identity(c, "id") is not None]
    persons = [c for c in categories if c.get("name") == "person"]
    for category in persons[:1] or categories[: len(categories) == 1]:
        names = category.get("keypoints") or []
        if not (isinstance(names, list) and all(isinstance(keypoint, str) for keypoint in names)):
            fail(name, "categories.keypoints", "not a list of names", "list the keypoints' names")
        if len(names) > MAX_KEYPOINTS:
            told = f"{len(names):,} names, {MAX_KEYPOINTS:,} are possible"
            fail(name, "categories.keypoints", told, "leave some out")
        return category
    fail(name, "categories", "no 'person'", "add the category of persons")


def _side(entry, name) -> float:
    value = entry.get(name)
    return float(value) if is_number(value) and value > 0 else np.inf
