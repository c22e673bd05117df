"""Labelme: a JSON file for each photo, in one folder.

    {"imagePath": "a.jpg", "imageWidth": 640, "imageHeight": 480, "shapes": [
      {"label": "person", "shape_type": "rectangle", "points": [[x, y], [x, y]], "group_id": 1},
      {"label": "left_eye", "shape_type": "point", "points": [[x, y]], "group_id": 1}, ...]}

Shapes of one group are of one person. The flags `hidden` of a point and `crowd` of a rectangle are
this project's; Labelme shows them (https://github.com/wkentaro/labelme).
"""

from collections import Counter
from pathlib import Path, PurePosixPath

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.files.writing import write_json
from multiposenet.json_table import fail, parse, read_bytes
from multiposenet.label_formats import fields, shapes
from multiposenet.label_formats.found import Found, Written, category_name
from multiposenet.skeleton import Skeleton

_OTHER_SHAPES = "shapes that are no rectangle, polygon or point"


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads all files of a folder, or one file."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        fail(path, "folder", "no .json file in it", "name the folder of Labelme's files")
    lost = Counter()
    photos = [_photo(file, lost) for file in files]
    return shapes.assemble(path, photos, skeleton, lost, path if path.is_dir() else path.parent)


def _photo(file: Path, lost: Counter) -> shapes.Photo:
    about = fields.Fields(file, "", parse(file, read_bytes(file)))
    name = about.text("imagePath").replace("\\", "/")
    photo = shapes.Photo(name, *about.size("imageWidth", "imageHeight"))
    for number, each in enumerate(about.list("shapes")):
        shape = fields.Fields(file, f"shapes[{number}]", each)
        label, kind = shape.text("label"), shape.text("shape_type", "polygon")
        group, flags = shape.value.get("group_id"), shape.object("flags", {}).value
        if group is not None:
            group = shape.number("group_id")
        outline = fields.points(file, f"{shape.where}.points", shape.list("points"))
        if kind == "point" and len(outline) == 2:
            photo.add_point(group, label, *outline, 1 if flags.get("hidden") is True else 2)
        elif kind == "rectangle" and len(outline) == 4:
            person = photo.person(group, label)
            (left, right), (top, bottom) = sorted(outline[::2]), sorted(outline[1::2])
            person.xywh = (left, top, right - left, bottom - top)
            person.crowd |= flags.get("crowd") is True
        elif kind == "polygon" and outline:
            person = photo.person(group, label)
            person.polygons.append(outline)
            person.crowd |= flags.get("crowd") is True
        else:
            lost[_OTHER_SHAPES] += 1
    return photo


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a file for each photo into a folder, where the photos belong, too."""
    lost, files = Counter(), {}
    label, persons = category_name(annotations.skeleton), annotations.persons
    for record, rows in zip(annotations.images, annotations.rows_by_photo(), strict=True):
        name = PurePosixPath(record.file_name.replace("\\", "/"))
        file = target / f"{name.stem}.json"
        if file in files or name.parent != PurePosixPath():
            raise InputError(
                f"{annotations.path}: file_name: {record.file_name!r:.100}; Labelme's files lie in "
                "one folder, each with a name of its own: put the photos into one folder"
            )
        drawn = []
        for group, row in enumerate(rows, start=1):
            drawn += _shapes(annotations, row, group, label, lost)
        files[file] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": drawn,
            "imagePath": record.file_name,
            "imageData": None,
            "imageHeight": record.height,
            "imageWidth": record.width,
        }
    lost["areas other than the box's"] += int((persons.areas != persons.xywh[:, 2:].prod(1)).sum())
    target.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_json(file, content, allow_nan=False)
    return Written(list(files), lost)


def _shapes(annotations, row, group, label, lost) -> list[dict]:
    persons = annotations.persons
    crowd = {"crowd": True} if persons.crowd[row] else {}

    def shape(name, kind, points, flags):
        about = {"group_id": group, "description": "", "shape_type": kind, "flags": flags}
        return {"label": name, "points": points, **about}

    x, y, width, height = persons.xywh[row].tolist()
    drawn = [shape(label, "rectangle", [[x, y], [x + width, y + height]], crowd)]
    points = persons.keypoints[row].tolist()
    for name, (px, py, v) in zip(annotations.skeleton.keypoints, points, strict=True):
        if v > 0:
            drawn.append(shape(name, "point", [[px, py]], {"hidden": True} if v == 1 else {}))
    segmentation = annotations.segmentation(row)
    if isinstance(segmentation, dict):
        lost["outlines as run-length codes"] += 1
    for polygon in segmentation if isinstance(segmentation, list) else ():
        pairs = [list(pair) for pair in zip(polygon[::2], polygon[1::2], strict=True)]
        drawn.append(shape(label, "polygon", pairs, {}))
    return drawn
