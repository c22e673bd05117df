"""YOLO-pose: a text file for each photo, and data.yaml.

    FOLDER/data.yaml                what there is: kpt_shape, names, kpt_names, flip_idx, splits
    FOLDER/images/train/a.jpg       the photos of a split
    FOLDER/labels/train/a.txt       a line a person: class x y w h, and x y v of each keypoint

Centres, sizes and places are shares of the photo (https://docs.ultralytics.com/datasets/pose/).
"""

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.files import bounded_files
from multiposenet.files.writing import write_text
from multiposenet.json_table import fail
from multiposenet.keypoint_names import mirrors
from multiposenet.label_formats import fields
from multiposenet.label_formats.found import Found, Written, category_name, split_of
from multiposenet.skeleton import COCO_17, MAX_KEYPOINTS, Skeleton
from multiposenet.sources import SUFFIXES, image_size

_MAX_LABELS, _MAX_YAML = 1 << 24, 1 << 20  # bytes
OTHER_CLASSES = "things of another class"


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a split of a folder, `FOLDER` or `FOLDER:val`, or the folder of a data.yaml.

    The photos must be there, as their sizes are not in the labels.
    """
    folder, split = split_of(path)
    file = folder if folder.suffix in (".yaml", ".yml") else folder / "data.yaml"
    about = fields.Fields(file, "", _yaml(file))
    count, dimensions = _shape(about)
    keypoints = _keypoints(about, count, skeleton)
    names = _names(about)
    wanted = _class(about, names)
    photos = _photos(about, file.parent, split)
    root = _common(photos)
    images, annotations, lost = [], [], Counter()
    for number, photo in enumerate(photos, start=1):
        height, width = image_size(photo)
        name = photo.relative_to(root).as_posix()
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        labels = _labels_of(photo)
        if not labels.is_file():  # nobody is on it
            continue
        for row in _rows(labels, 5 + count * dimensions, len(names)):
            if row[0] != wanted:
                lost[OTHER_CLASSES] += 1
                continue
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append(entry | _person(row, width, height, count))
    category = {"id": 1, "name": names[wanted], "keypoints": keypoints}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    return Found(file, content, skeleton, root, lost)


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes the labels of a split, and data.yaml; the photos belong into `images/SPLIT`."""
    import yaml

    folder, split = split_of(target)
    skeleton, lost, files, seen = annotations.skeleton, Counter(), [], {}
    for record in annotations.images:
        name = PurePosixPath(record.file_name.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise InputError(
                f"{annotations.path}: file_name: {record.file_name!r:.100} leads out of the "
                "folder; give names within it"
            )
        file = folder / "labels" / split / name.with_suffix(".txt")
        if file in seen:
            raise InputError(
                f"{annotations.path}: file_name: {record.file_name!r:.100} and {seen[file]!r:.100} "
                "have one name for their labels; rename a photo"
            )
        seen[file] = record.file_name
    rows = _rows_of(annotations, lost)
    for record, file, lines in zip(annotations.images, seen, rows, strict=True):
        if record.extra.get("persons_complete") is False:
            lost["photos on which not everybody is marked, marked so"] += 1
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, "".join(lines))
        files.append(file)
    about = {
        "train": "images/train",
        "val": "images/val",
        "kpt_shape": [skeleton.num_keypoints, 3],
        "flip_idx": skeleton.flip_indices.tolist(),
        "names": {0: category_name(skeleton)},
        "kpt_names": {0: list(skeleton.keypoints)},
    }
    file = folder / "data.yaml"
    write_text(file, yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=100))
    return Written([file, *files], lost)


def _rows_of(annotations, lost):
    """The lines of each photo."""
    persons = annotations.persons
    for record, rows in zip(annotations.images, annotations.rows_by_photo(), strict=True):
        scale, lines = np.array([record.width, record.height], np.float64), []
        for row in rows:
            if persons.crowd[row]:
                lost["crowds"] += 1
                continue
            xywh, points = persons.xywh[row], persons.keypoints[row]
            lost["outlines"] += annotations.segmentation(row) is not None
            lost["areas other than the box's"] += persons.areas[row] != xywh[2] * xywh[3]
            beyond = (xywh[:2] < 0).any() or (xywh[:2] + xywh[2:] > scale).any()
            box = np.concatenate([(xywh[:2] + xywh[2:] / 2) / scale, xywh[2:] / scale])
            flat = np.concatenate([points[:, :2] / scale, points[:, 2:]], axis=1)
            values = " ".join(f"{value:.10g}" for value in [*box, *flat.ravel()])
            lines.append(f"0 {values}\n")
            if beyond:
                lost["(kept) boxes beyond the photo, which Ultralytics refuses"] += 1
        yield lines


def _person(row, width, height, count) -> dict:
    centre, size = row[1:3] * (width, height), row[3:5] * (width, height)
    points = row[5:].reshape(count, -1)
    if points.shape[1] == 2:  # without flags a point that is not labelled is at 0, 0
        flags = 2.0 * points.any(axis=1, keepdims=True)
        points = np.concatenate([points, flags], axis=1)
    points = points * (width, height, 1)
    points[points[:, 2] <= 0] = 0
    box = [*(centre - size / 2).tolist(), *size.tolist()]
    return {"bbox": box, "iscrowd": 0, "keypoints": points.ravel().tolist()}


def _rows(path: Path, width: int, classes: int):
    """The checked lines of a text file, an array each."""
    try:
        text = bounded_files.read(path, _MAX_LABELS).decode("utf-8-sig")
    except bounded_files.Unreadable as error:
        fail(path, "file", error.problem, error.remedy)
    except UnicodeDecodeError:
        fail(path, "file", "not UTF-8", "export it anew")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        where = f"line {number}"
        if len(words) != width:
            told = f"{len(words)} numbers instead of {width}"
            fail(path, where, told, "give class, x y w h, and the numbers of kpt_shape")
        row = np.array([fields.number(path, where, word, 1e4) for word in words])
        if row[0] != int(row[0]) or not 0 <= row[0] < classes:
            fail(path, where, f"class {words[0]:.20} is not in names", "add it to data.yaml")
        if (row[3:5] < 0).any():
            fail(path, where, "a box of negative size", "give centre and size as shares")
        yield row


def _yaml(file: Path):
    try:
        return bounded_files.read_yaml(file, _MAX_YAML)
    except bounded_files.Unreadable as error:
        fail(file, "file", error.problem, error.remedy)


def _shape(about) -> tuple[int, int]:
    shape = about.list("kpt_shape")
    good = len(shape) == 2 and all(type(value) is int for value in shape)
    if not good or not 1 <= shape[0] <= MAX_KEYPOINTS or shape[1] not in (2, 3):
        about.fail("kpt_shape", f"{shape!r:.60}", "give [number of keypoints, 2 or 3]")
    return shape[0], shape[1]


def _keypoints(about, count: int, given: Skeleton | None) -> list[str]:
    """The names of the keypoints, checked against what data.yaml says of mirroring."""
    named = about.value.get("kpt_names")
    if isinstance(named, dict):
        named = next(iter(named.values()), None)
    flips = about.value.get("flip_idx")
    if named is not None:
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            about.fail("kpt_names", f"{named!r:.60}", "list the names, as {0: [...]}")
        if given is not None and named != list(given.keypoints):
            about.fail("kpt_names", f"are not those of {given.name}", "give another --skeleton")
    elif given is not None:
        named = list(given.keypoints)
    elif count == COCO_17.num_keypoints and flips in (None, COCO_17.flip_indices.tolist()):
        named = list(COCO_17.keypoints)
    else:
        remedy = "name the keypoints in it, as {0: [...]}, or by --skeleton"
        about.fail("kpt_names", "missing", remedy)
    if len(named) != count:
        about.fail("kpt_shape", f"{count} keypoints, there are {len(named)} names")
    if flips is not None:
        try:
            mirror = given.flip_indices.tolist() if given else list(mirrors(tuple(named)))
        except ValueError as error:
            problem, _, remedy = str(error).removeprefix("keypoints: ").partition("; ")
            about.fail("kpt_names", problem, remedy)
        if flips != mirror:
            remedy = "correct one of them, or give pairs in a file for --skeleton"
            about.fail("flip_idx", f"{flips!r:.60} is not what the names tell", remedy)
    return named


def _names(about) -> dict[int, str]:
    """The classes."""
    names = about.value.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    good = isinstance(names, dict) and names and set(names) == set(range(len(names)))
    if not good or not all(isinstance(name, str) for name in names.values()):
        about.fail("names", f"{names!r:.60}", "list the classes, as {0: person}")
    return names


def _class(about, names: dict[int, str]) -> int:
    """The class that is read: person, or the only one."""
    for number, name in names.items():
        if name == "person" or len(names) == 1:
            return number
    told = ", ".join(names.values())
    about.fail("names", f"several ({told:.100}), none is person", "give labels of one class")


def _photos(about, root: Path, split: str) -> list[Path]:
    """The photos of a split, sorted."""
    base = about.text("path", None)
    if base is not None:
        base = Path(base) if Path(base).is_absolute() else root / base
        root = base if base.is_dir() else root
    places = about.value.get(split)
    places = places if isinstance(places, list) else [places]
    if not places or not all(isinstance(place, str) and place for place in places):
        about.fail(
            split, f"{places[0] if places else places!r:.60}", "name the folder of its photos"
        )
    photos = []
    for place in places:
        folder = root / place
        if not folder.is_dir():
            about.fail(split, f"{place:.100} is no folder", "name the folder of its photos")
        found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        photos += sorted(path for path in found if path.is_file())
    if not photos:
        about.fail(split, "no photos in it", "put them there: sizes are not in the labels")
    return photos


def _labels_of(photo: Path) -> Path:
    """The text file of a photo: `images` in its path, the last, becomes `labels`."""
    parts = list(photo.with_suffix(".txt").parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _common(photos: list[Path]) -> Path:
    """The folder that all photos are in."""
    folder = photos[0].parent
    while not all(photo.is_relative_to(folder) for photo in photos):
        folder = folder.parent
    return folder
