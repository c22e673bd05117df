"""A copy of an annotation file in which is mended what has one right answer.

What only the photo can tell, such as sides that are mixed up or a box beside its person, stays as
it is. What cannot be mended and would keep the file from being read is left out. Every change is
counted by its description.
"""

import copy
import math
from collections import Counter
from collections.abc import Iterable
from itertools import count

from multiposenet import segmentations
from multiposenet.annotations import is_doubtful_area, is_file_name
from multiposenet.categories import limbs_of
from multiposenet.training.datasets.inspection.findings import (
    Finding,
    all_texts,
    identity,
    is_list,
    is_number,
)


def repair(
    content: dict, findings: Iterable[Finding] = (), num_keypoints: int = 17
) -> tuple[dict, Counter]:
    """Mends the content of a COCO file.

    Args:
        content: an object with lists of images, annotations and categories; it is not changed.
        findings: of `Inspection`; photos that they call missing or unreadable are left out.
        keypoints: number of keypoints of a person.

    Returns:
        The mended content, and how often each kind of change was made.
    """
    content, changes = copy.deepcopy(content), Counter()
    unusable = {f.image for f in findings if f.kind in ("missing_photo", "unreadable_photo")}
    for category in content["categories"]:
        if type(category) is dict and type(category.get("keypoints")) is list:
            _repair_limbs(category, changes)
    content["images"] = _usable_images(content["images"], unusable, changes)
    images = {identity(image, "id"): image for image in content["images"]}
    categories = {identity(category, "id") for category in content["categories"]} - {None}
    kept = []
    for entry in content["annotations"]:
        if reason := _useless(entry, images, categories):
            changes[f"annotations left out: {reason}"] += 1
            continue
        _repair_entry(entry, images[identity(entry, "image_id")], num_keypoints, changes)
        kept.append(entry)
    _renumber(kept, changes)
    content["annotations"] = kept
    return _finite(content), changes


def _usable_images(entries, unusable, changes) -> list:
    kept, seen, texts = [], set(), all_texts(entries)
    for entry in entries:
        image, name = (
            identity(entry, "id", texts),
            entry.get("file_name") if type(entry) is dict else None,
        )
        sides = [entry.get(side) for side in ("width", "height")] if image is not None else []
        if image is None or image in seen:
            changes["images left out: id missing or repeated"] += 1
        elif image in unusable:
            changes["images left out: photo missing or unreadable"] += 1
        elif not is_file_name(name):
            changes["images left out: no file_name"] += 1
        elif not all(is_number(s) and s == int(s) and 0 < s <= 1e6 for s in sides):
            changes["images left out: no width and height"] += 1
        else:
            if "\\" in name:
                entry["file_name"] = name.replace("\\", "/")
                changes["file_name: backslashes written as slashes"] += 1
            kept.append(entry)
            seen.add(image)
    return kept


def _repair_limbs(category, changes) -> None:
    limbs, bad = limbs_of(category)
    if not bad:
        return
    names, raw = category["keypoints"], category["skeleton"]
    from_zero = {"keypoints": names, "skeleton": [_plus_one(limb) for limb in raw]
                 if isinstance(raw, list) else raw}  # fmt: skip
    shifted, still_bad = limbs_of(from_zero)
    if shifted and not still_bad:  # with a keypoint 0 and none beyond the last
        category["skeleton"] = from_zero["skeleton"]
        changes["categories.skeleton: counted from 1 instead of 0"] += 1
    else:
        category["skeleton"] = [[first + 1, second + 1] for first, second in limbs]
        changes["categories.skeleton: pairs left out"] += len(bad)


def _plus_one(limb):
    good = isinstance(limb, list) and all(type(keypoint) is int for keypoint in limb)
    return [keypoint + 1 for keypoint in limb] if good else limb


def _useless(entry, images, categories) -> str:
    """Why an annotation cannot be kept; empty if it can."""
    if type(entry) is not dict:
        return "no object"
    if identity(entry, "image_id") not in images:
        return "its photo is not in images"
    if identity(entry, "category_id") not in categories:
        return "its category is not in categories"
    box = entry.get("bbox")
    if not is_list(box, 4) or min(box[2:]) < 0:
        return "no box"
    return ""


def _repair_entry(entry, image, num_keypoints, changes) -> None:
    if entry.get("iscrowd") not in (None, 0, 1):
        entry["iscrowd"] = 0
        changes["iscrowd: set to 0"] += 1
    if "keypoints" in entry:
        _repair_keypoints(entry, num_keypoints, changes)
    labelled = sum(v > 0 for v in (entry.get("keypoints") or [])[2::3])
    if entry.get("num_keypoints") not in (None, labelled):
        entry["num_keypoints"] = labelled
        changes["num_keypoints: counted anew"] += 1
    area, box = entry.get("area"), entry["bbox"][2] * entry["bbox"][3]
    unusable = area is not None and not (is_number(area) and 0 < area <= 1.01 * box + 1)
    if unusable or (area is not None and is_doubtful_area(area, box) and not entry.get("iscrowd")):
        del entry["area"]
        changes["area: left out, so that it is the box's"] += 1
    if entry.get("segmentation") is not None:
        _repair_segmentation(entry, image, changes)


def _repair_keypoints(entry, num_keypoints, changes) -> None:
    points = entry["keypoints"]
    if points is None or points == []:
        entry["keypoints"] = [0] * (3 * num_keypoints)
        changes["keypoints: zeros for a person without labels"] += 1
        return
    # Only the number of keypoints of the file's persons is known; others are of another category.
    if not is_list(points, 3 * num_keypoints):
        numbers = type(points) is list and len(points) == 3 * num_keypoints
        triples = [points[i : i + 3] for i in range(0, 3 * num_keypoints, 3)] if numbers else []
        good = [is_list(triple, 3) for triple in triples]
        if not any(good):
            entry["keypoints"] = [0] * (3 * num_keypoints)
            changes["keypoints: not readable, taken as not labelled"] += 1
            return
        kept = [t if fine else [0, 0, 0] for t, fine in zip(triples, good, strict=True)]
        points = entry["keypoints"] = sum(kept, [])
        changes["keypoints: single ones not readable, taken as not labelled"] += 1
    for place in range(0, len(points), 3):
        x, y, v = points[place : place + 3]
        if v not in (0, 1, 2):
            v = points[place + 2] = 2 if v > 0 else 0
            changes["keypoints: visibility set to 0 or 2"] += 1
        if v == 0 and (x or y):
            points[place : place + 2] = [0, 0]
            changes["keypoints: position without visibility set to 0"] += 1


def _repair_segmentation(entry, image, changes) -> None:
    height, width = int(image["height"]), int(image["width"])
    value = entry["segmentation"]
    shaped = _shaped(value)
    if segmentations.problem(shaped, height, width):
        del entry["segmentation"]
        changes["segmentation: not readable, left out"] += 1
        return
    mended = segmentations.clean(shaped)
    if shaped != value:
        changes["segmentation: written as lists of x, y, x, y"] += 1
    elif value and mended != value:
        changes["segmentation: polygons of less than three corners left out"] += 1
    if mended is None:
        del entry["segmentation"]
    else:
        entry["segmentation"] = mended


def _shaped(value):
    """Polygons as COCO has them, from flat lists, lists of pairs, and numbers as text."""
    if not isinstance(value, list) or not value:
        return value
    if all(not isinstance(item, list) for item in value):
        value = [value]
    elif len(value) > 2 and all(isinstance(item, list) and len(item) == 2 for item in value):
        value = [value]
    return [_flat(polygon) if isinstance(polygon, list) else polygon for polygon in value]


def _flat(polygon: list) -> list:
    if polygon and all(isinstance(corner, list) and len(corner) == 2 for corner in polygon):
        polygon = [value for corner in polygon for value in corner]
    try:
        return [float(value) if isinstance(value, str) else value for value in polygon]
    except ValueError:
        return polygon


def _renumber(entries: list[dict], changes) -> None:
    """Gives annotations without an id of their own a new one."""
    ids = [identity(entry, "id") for entry in entries]
    texts = any(isinstance(own, str) for own in ids)
    if texts and not all(isinstance(own, str) for own in ids):
        ids = [None] * len(ids)  # numbers and texts: all anew
        texts = False
    taken = set()
    free = count(max((own for own in ids if isinstance(own, int)), default=0) + 1)
    for entry, own in zip(entries, ids, strict=True):
        if own is None or own in taken:
            number = next(free)
            own = entry["id"] = f"repaired-{number}" if texts else number
            changes["id: given anew where missing or repeated"] += 1
        taken.add(own)


def _finite(value):
    """The value with null for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
