"""Boxes, outlines and points that tools draw one by one, put together to persons."""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multiposenet.json_table import fail
from multiposenet.label_formats.found import Found
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton

_KNOWN = (COCO_17, MPII_16, LSP_14)
_MARGIN = 1.0  # pixels that a point may lie outside the box of its person
UNPLACED = "points of nobody: in no box, or in several"
OTHER_LABELS = "things of another label"
BOX_OF_POINTS = "boxes, which the file has not, drawn around keypoints or outlines"


@dataclass
class Person:
    """What is drawn of one person, in pixels of the photo.

    Attributes:
        label: what it is called, None if nothing says.
        xywh: left, top, width and height of the box, or None.
        points: keypoint name -> x, y, v.
        polygons: flat lists of x and y.
        code: run-length code, or None.
        crowd: whether it stands for a group.
    """

    label: str | None = None
    xywh: tuple | None = None
    points: dict[str, tuple] = field(default_factory=dict)
    polygons: list[list] = field(default_factory=list)
    code: dict | None = None
    crowd: bool = False


class Photo:
    """A photo's shapes, added one by one; those of one group are of one person.

    Args:
        file_name: of the photo.
        width, height: in pixels.
    """

    def __init__(self, file_name, width, height):
        self.file_name, self.width, self.height = file_name, width, height
        self._groups: dict[Hashable, Person] = {}
        self._alone: list[Person] = []
        self._loose: list[tuple] = []
        self.names: dict[str, None] = {}  # of points that no group has claimed

    def person(self, group: Hashable | None, label: str | None = None) -> Person:
        """The person of a group, or a new one if `group` is None."""
        if group is None:
            self._alone.append(Person(label))
            return self._alone[-1]
        person = self._groups.setdefault(group, Person())
        person.label = person.label or label
        return person

    def add_point(self, group: Hashable | None, name: str, x, y, v) -> None:
        """Adds a keypoint; without a group it goes to the only box around it."""
        if group is None:
            self._loose.append((name, x, y, v))
            self.names[name] = None
        else:
            self.person(group).points[name] = (x, y, v)

    def persons(self, lost: Counter) -> list[Person]:
        """All persons, with the loose points where they belong."""
        persons = _joined([*self._groups.values(), *self._alone])
        if self._loose and not persons:
            persons.append(self.person(0))
        for name, x, y, v in self._loose:
            around = [p for p in persons if not p.crowd and name not in p.points]
            if len(persons) > 1 or persons[0].xywh is not None:
                around = [person for person in around if _holds(person.xywh, x, y)]
            if len(around) == 1:
                around[0].points[name] = (x, y, v)
            else:
                lost[UNPLACED] += 1
        return persons


def _joined(persons: list[Person]) -> list[Person]:
    """Persons, a box and the points in it being one where they can be of nobody else."""
    boxes = [p for p in persons if p.xywh and not p.points and not p.crowd]
    taken = set()
    for person in persons:
        if person.xywh or not person.points:
            continue
        places = [(x, y) for x, y, v in person.points.values() if v]
        around = [
            box
            for box in boxes
            if None in (box.label, person.label) or box.label == person.label
            if places and all(_holds(box.xywh, *place) for place in places)
        ]
        if len(around) == 1 and id(around[0]) not in taken:
            box = around[0]
            taken.add(id(box))
            person.label = person.label or box.label
            person.xywh, person.code = box.xywh, person.code or box.code
            person.polygons = person.polygons or box.polygons
    return [person for person in persons if id(person) not in taken]


def assemble(
    path: Path,
    photos: Sequence[Photo],
    skeleton: Skeleton | None,
    lost: Counter,
    folder: Path | None = None,
    limbs: Sequence[tuple[str, str]] = (),
    order: Sequence[str] = (),
) -> Found:
    """Makes COCO content of photos with their shapes.

    Args:
        path: the file they are from, for messages.
        photos: in order; they are numbered from 1.
        skeleton: the keypoints and their order, if it is known.
        lost: what could not be read so far; more is added.
        folder: of the photos, if it is known.
        limbs: pairs of names.
        order: the keypoints' names as the file lists them, if it does.

    Raises:
        AnnotationError: names do not fit the skeleton, or it is not clear what the persons are.
    """
    everybody = [(photo, photo.persons(lost)) for photo in photos]
    label = _label(path, [person for _, persons in everybody for person in persons])
    drawn = {
        name: None
        for _, persons in everybody
        for person in persons
        if person.label in (None, label)
        for name in person.points
    } | {name: None for photo in photos for name in photo.names}
    names = _names(path, list(dict.fromkeys([*order, *drawn])), skeleton, ordered=bool(order))
    place = {name: index + 1 for index, name in enumerate(dict.fromkeys(names.values()))}
    joints = [[place.get(names.get(a)), place.get(names.get(b))] for a, b in limbs]
    category = {
        "id": 1,
        "name": label,
        "keypoints": list(place),
        "skeleton": [limb for limb in joints if None not in limb],
    }
    if skeleton is not None:
        category["keypoints"] = list(skeleton.keypoints)
        category["skeleton"] = [[first + 1, second + 1] for first, second in skeleton.limbs]
    images, annotations = [], []
    for number, (photo, persons) in enumerate(everybody, start=1):
        size = {"width": photo.width, "height": photo.height}
        images.append({"id": number, "file_name": photo.file_name, **size})
        for person in persons:
            if person.label not in (None, label):
                lost[OTHER_LABELS] += 1
            elif person.points or person.xywh or person.polygons or person.code:
                entry = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
                entry |= _entry(person, names, category["keypoints"], lost)
                annotations.append(entry)
    content = {"images": images, "annotations": annotations, "categories": [category]}
    return Found(path, content, skeleton, folder, lost)


def _label(path: Path, persons: list[Person]) -> str:
    """The label whose things are read: person, or the only one that has keypoints."""
    labels = {person.label for person in persons} - {None}
    pointed = {person.label for person in persons if person.points} - {None}
    if "person" in labels or not labels:
        return "person"
    for candidates in (pointed, labels):
        if len(candidates) == 1:
            return next(iter(candidates))
    told = ", ".join(sorted(labels)[:5])
    fail(path, "labels", f"several ({told}), none is person", "export the things of one label")


def _names(path, found: list[str], skeleton: Skeleton | None, ordered: bool) -> dict[str, str]:
    """Name in the file -> name in the content, in the order of the keypoints."""
    if skeleton is not None:
        own = {_key(name): name for name in skeleton.keypoints}
        if strange := [name for name in found if _key(name) not in own]:
            fail(
                path,
                "keypoints",
                f"{strange[0]!r:.60} is not among those of {skeleton.name}",
                "correct the name, or give another --skeleton",
            )
        return {name: own[_key(name)] for name in found}
    if not ordered:  # that of a known skeleton as far as it goes, and the alphabet
        known = max(_KNOWN, key=lambda k: len({*map(_key, found)} & set(k.keypoints)))
        rank = {name: place for place, name in enumerate(known.keypoints)}
        found = sorted(found, key=lambda name: (rank.get(_key(name), len(rank)), name))
    return {name: name for name in found}


def _key(name: str) -> str:
    """What is the same in names that differ by capitals and gaps."""
    return "_".join(re.findall(r"[^\W_]+", name.lower())) or name


def _entry(person: Person, names: dict[str, str], order: Sequence[str], lost: Counter) -> dict:
    if person.xywh is None:
        lost[BOX_OF_POINTS] += 1
    entry = {"bbox": list(person.xywh or _around(person)), "iscrowd": int(person.crowd)}
    points = {names[name]: list(point) for name, point in person.points.items() if name in names}
    if order:
        entry["keypoints"] = [v for name in order for v in points.get(name, (0, 0, 0))]
    if person.code or person.polygons:
        entry["segmentation"] = person.code or person.polygons
    return entry


def _around(person: Person) -> tuple:
    """xywh around all that is drawn of a person."""
    outline = [value for polygon in person.polygons for value in polygon]
    xs = [point[0] for point in person.points.values() if point[2]] + outline[::2]
    ys = [point[1] for point in person.points.values() if point[2]] + outline[1::2]
    if not xs:
        return 0, 0, 0, 0
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _holds(xywh, x, y) -> bool:
    if xywh is None:
        return False
    left, top, width, height = xywh
    within = left - _MARGIN <= x <= left + width + _MARGIN
    return within and top - _MARGIN <= y <= top + height + _MARGIN
