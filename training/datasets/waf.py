"""We Are Family: group photos with the upper bodies of people as sticks.

    folder/data/*.txt           one text file of stickmen (any name), or folder/data/*.mat
    folder/images/              the photos; or folder/img/, folder/photos/, or the folder itself

The annotations may also lie in the folder itself. Eichner and Ferrari, "We are family: keypoint
pose estimation of multiple persons", ECCV 2010: 525 photos, 350 for training and 175 for testing,
on which every approximately upright and frontal person is annotated.

The layout is assumed, for the data are not at hand here: it is what the read-me of Synchronic
Activities Stickmen, by the same authors and measured by the same code, says of its own. A photo is
a line `FILE_NAME PEOPLE 6`; six lines `x1 y1 x2 y2` for each of its people follow, the ends of
torso, left upper arm, right upper arm, left lower arm, right lower arm and head. A Matlab file has
the same as a struct array with a field `stickmen` and one that names the photo (`filename`,
`imname`, `image` or `name`); `stickmen` is a struct array over the people, whose field `coor` has a
column for each stick. Sticks that are NaN are hidden; those that are all zero are taken to be so
too. Coordinates count from 1 as in Matlab.

Not assumed is what the coordinates themselves tell: which end of a stick is which (the elbow is
where upper and lower arm meet, the neck is where head and torso meet), and whether "left" is the
person's or the viewer's: people are frontal, so that their own left is on the right of the picture.
"""

import re
from pathlib import Path

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.json_table import FAR
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton
from multiposenet.sources import image_size
from multiposenet.training.datasets.files import (
    first_folder,
    photo_of,
    read_matlab,
    read_text,
    single_file,
)
from multiposenet.training.datasets.sample import Sample, to_skeleton

TORSO, LEFT_UPPER, RIGHT_UPPER, LEFT_LOWER, RIGHT_LOWER, HEAD = range(6)
_NAMES = ("filename", "imname", "image", "name")
_KEYPOINTS = ("left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow",
           "right_wrist", "neck", "head_top")  # fmt: skip
_MARGIN = 0.25  # of the torso's length, around the sticks


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the annotations of a folder laid out as above; photos are opened for their size only.

    Boxes enclose the sticks with a margin, so they are those of upper bodies.

    Args:
        folder: the folder.
        skeleton: target skeleton: shoulders, elbows and wrists are COCO's, neck and head top LSP's;
            all others, and all of a stick that is missing, are unlabelled.

    Returns:
        One sample per photo, in file order.

    Raises:
        AnnotationError: the file cannot be read or has not the fields above.
        InputError: it is missing, or a photo is.
    """
    folder = Path(folder)
    home = first_folder(folder, "data")
    path = single_file(home, "*.txt" if any(home.glob("*.txt")) else "*.mat")
    photos = first_folder(folder, "images", "img", "photos")
    names, people = (_from_text if path.suffix == ".txt" else _from_matlab)(path)
    _check_coordinates(path, names, people)
    everybody = [_keypoints(sticks) for group in people for sticks in group]
    everybody = np.array(everybody).reshape(-1, len(_KEYPOINTS), 3)
    if _sides_are_the_viewers(everybody):
        everybody = everybody[:, [3, 4, 5, 0, 1, 2, 6, 7]]
    samples, first = [], 0
    for name, group in zip(names, people, strict=True):
        keypoints = everybody[first : first + len(group)]
        first += len(group)
        samples.append(_sample(photo_of(photos, name), group, keypoints, skeleton))
    return samples


def _check_coordinates(path, names, people):
    for name, group in zip(names, people, strict=True):
        # NaN is a hidden stick.
        if any((np.abs(sticks) > FAR).any() for sticks in group):
            raise AnnotationError(
                f"{path}: {name!r:.100}: a coordinate above {FAR:,.0f}; give pixels of the photo"
            )


def _sample(photo, group, points, skeleton):
    lsp = np.zeros((len(points), LSP_14.num_keypoints, 3))
    lsp[:, [LSP_14.index(name) for name in _KEYPOINTS]] = points
    keypoints, _ = to_skeleton(lsp, LSP_14, skeleton)
    boxes = np.array([_box(sticks) for sticks in group], np.float32).reshape(-1, 4)
    return Sample(
        path=photo,
        image_size=image_size(photo),
        boxes=boxes,
        keypoints=keypoints,
        # A stick may be missing because it is hidden or because it was forgotten.
        labelled=keypoints[:, :, 2] > 0,
        areas=np.prod(boxes[:, 2:] - boxes[:, :2], axis=1),
        crowd_boxes=np.zeros((0, 4), np.float32),
        complete=False,
        single=False,
    )


def _from_text(path: Path):
    """Names of the photos, and for each a list of (6, 2, 2) sticks (ends, xy); NaN if missing."""
    lines = read_text(path).splitlines()
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    names, people, place = [], [], 0
    while place < len(rows):
        number, words = rows[place]
        if len(words) < 3 or not re.fullmatch("[0-9]{1,4}", words[-2]) or words[-1] != "6":
            raise AnnotationError(
                f"{path}: line {number}: {' '.join(words)!r:.60} is not FILE_NAME PEOPLE 6; "
                "restore the file"
            )
        count = int(words[-2])
        sticks = [row for _, row in rows[place + 1 : place + 1 + 6 * count]]
        try:
            coordinates = np.array(sticks, float).reshape(count, 6, 4)
        except ValueError:
            raise AnnotationError(
                f"{path}: line {number}: not {6 * count} lines of 4 numbers after it; "
                "restore the file"
            ) from None
        names.append(" ".join(words[:-2]))
        people.append([_sticks(person) for person in coordinates])
        place += 1 + 6 * count
    return names, people


def _sticks(coordinates):
    """(6, 2, 2) sticks (ends, xy) of six rows x1, y1, x2, y2 as they are written."""
    missing = (coordinates == 0).all(axis=1, keepdims=True)
    # Counted from 1, so that the centre of pixel i lies at i - 0.5.
    return np.where(missing, np.nan, coordinates - 0.5).reshape(6, 2, 2)


def _from_matlab(path: Path):
    """What `_from_text` returns."""
    for value in read_matlab(path).values():
        entries = np.atleast_1d(value).ravel()
        fields = getattr(entries.flat[0], "_fieldnames", ()) if entries.size else ()
        name = next((name for name in _NAMES if name in fields), None)
        if "stickmen" in fields and name:
            if not all(hasattr(entry, name) and hasattr(entry, "stickmen") for entry in entries):
                break
            names = [str(getattr(entry, name)) for entry in entries]
            return names, [_people(path, entry.stickmen) for entry in entries]
    raise AnnotationError(
        f"{path}: stickmen: no struct array with this field and one of {', '.join(_NAMES)}; "
        "give the dataset's annotation file"
    )


def _people(path, stickmen):
    people = []
    for person in np.atleast_1d(stickmen):
        try:
            coordinates = np.array(person.coor, float).reshape(4, 6)
        except (AttributeError, TypeError, ValueError):
            raise AnnotationError(
                f"{path}: stickmen.coor: not 4 x 6 numbers; give x1, y1, x2, y2 of six sticks"
            ) from None
        people.append(_sticks(coordinates.T))
    return people


def _keypoints(sticks):
    """(8, 3) keypoints `_KEYPOINTS` (x, y, v) of (6, 2, 2) sticks."""
    keypoints = np.full((8, 2), np.nan)
    for first, upper, lower in ((0, LEFT_UPPER, LEFT_LOWER), (3, RIGHT_UPPER, RIGHT_LOWER)):
        arm, forearm = _joined(sticks[upper], sticks[lower])
        keypoints[first : first + 3] = arm[0], arm[1], forearm[1]
    head, _ = _joined(sticks[HEAD], sticks[TORSO])
    keypoints[6:] = head[1], head[0]
    known = ~np.isnan(keypoints).any(axis=1)
    return np.column_stack([np.nan_to_num(keypoints), 2 * known])


def _joined(first, second):
    """Two sticks turned so that the first ends where the second begins.

    If one is missing the ends of the other cannot be told apart; it is missing too, then.
    """
    gaps = np.linalg.norm(first[:, None] - second[None], axis=-1)
    if np.isnan(gaps).any():
        return np.full((2, 2), np.nan), np.full((2, 2), np.nan)
    end, start = np.unravel_index(np.argmin(gaps), gaps.shape)
    return first[[1 - end, end]], second[[start, 1 - start]]


def _sides_are_the_viewers(keypoints):
    left, right = keypoints[:, 0], keypoints[:, 3]
    both = (left[:, 2] > 0) & (right[:, 2] > 0)
    return np.median(np.append(left[both, 0] - right[both, 0], 0)) < 0


def _box(sticks):
    ends = sticks.reshape(-1, 2)
    ends = ends[~np.isnan(ends).any(axis=1)]
    if not len(ends):
        return 0, 0, 0, 0
    low, high = ends.min(axis=0), ends.max(axis=0)
    torso = np.linalg.norm(sticks[TORSO, 0] - sticks[TORSO, 1])
    margin = _MARGIN * (torso if np.isfinite(torso) else (high - low).max())
    return *(low - margin), *(high + margin)
