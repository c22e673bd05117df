"""What breaks nothing and teaches wrong things all the same: places and repetitions of persons."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from multiposenet import keypoint_names
from multiposenet.training.datasets import mirrored
from multiposenet.training.datasets.inspection.findings import BOX_MARGIN, SAME_BOX


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


def check(
    image, persons: list[Person], size: np.ndarray, keypoints: tuple[str, ...], add: Callable
) -> None:
    """Checks the persons of one photo.

    Args:
        image: id of the photo.
        persons: all of the photo.
        size: (2,) width and height of the photo in pixels; infinite if not known.
        keypoints: names of the K keypoints.
        add: takes the kind, the ids of photo and annotation, and the message of a defect.
    """
    try:
        names = keypoint_names.plain(keypoints)
    except ValueError:  # left and right cannot be told apart, which is a finding of its own
        names = keypoints
    for person in persons:
        _check_places(image, person, size, keypoints, add)
        reason = mirrored.suspect(person.keypoints, names)
        if reason and not person.crowd:
            add("sides_swapped", image, person.id, reason)
    for first, second in _repeated([p for p in persons if not p.crowd]):
        add("repeated_person", image, second.id, f"is annotation {first.id} again")


def points_text(points: np.ndarray, chosen: np.ndarray, keypoints: tuple[str, ...]) -> str:
    """The (K, 3) keypoints where (K,) `chosen` is true, the first three in full."""
    shown = [f"{keypoints[j]} ({points[j, 0]:g}, {points[j, 1]:g}, v {points[j, 2]:g})"
             for j in np.flatnonzero(chosen)]  # fmt: skip
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def _check_places(image, person, size, keypoints, add):
    low, extent = person.xywh[:2], person.xywh[2:]
    if (extent == 0).any():
        add("empty_box", image, person.id, f"{extent[0]:g} x {extent[1]:g}")
    if (low < -1).any() or (low + extent > size + 1).any():
        box = ", ".join(f"{v:g}" for v in person.xywh)
        photo = f"{size[0]:g} x {size[1]:g}"
        add("box_outside_photo", image, person.id, f"[{box}] on a photo of {photo}")
    points, labelled = person.keypoints[:, :2], person.keypoints[:, 2] > 0
    outside = labelled & ((points < 0) | (points > size)).any(axis=1)
    if outside.any():
        text = points_text(person.keypoints, outside, keypoints)
        add("point_outside_photo", image, person.id, text)
    far = np.maximum(low - points, points - low - extent) > BOX_MARGIN * extent
    far = labelled & ~outside & far.any(axis=1)
    if far.any() and not person.crowd:
        add("point_outside_box", image, person.id, points_text(person.keypoints, far, keypoints))


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
        alike = overlap[first, second] > SAME_BOX * union[first, second]
        if (same and labelled[first] >= 3) or (alike and not unlike):
            yield persons[first], persons[second]
