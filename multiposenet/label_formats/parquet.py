"""Parquet: a table with a row for each person, and one for each photo of nobody.

Columns as in COCO files, `segmentation` as JSON text; the skeleton and the category are in the
schema's metadata. Needs pyarrow.
"""

import json
from collections import Counter
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.files import bounded_files
from multiposenet.files.arrow import modules
from multiposenet.files.writing import atomic_write
from multiposenet.json_table import fail
from multiposenet.label_formats.coco import content
from multiposenet.label_formats.found import Found, Written
from multiposenet.skeleton import Skeleton

_META = b"multiposenet"
_IMAGE = ("image_id", "file_name", "width", "height")
_PERSON = ("id", "bbox", "area", "iscrowd", "num_keypoints", "keypoints")
_MOST = 1 << 31  # bytes


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a file, or `annotations.parquet` of a folder whose photos are in `photos`."""
    file = path / "annotations.parquet" if path.is_dir() else path
    arrow, parquet, _ = modules(file)
    try:
        table = parquet.read_table(arrow.BufferReader(bounded_files.read(file, _MOST)))
        rows, about = table.to_pylist(), json.loads((table.schema.metadata or {})[_META])
        own = Skeleton.from_dict(about["skeleton"])
        category = {"id": int(about["category_id"]), "name": str(about["category"])}
    except bounded_files.Unreadable as error:
        fail(file, "file", error.problem, error.remedy)
    except (arrow.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        fail(file, "file", f"no table of annotations ({error!s:.100})", "convert it anew")
    images, annotations = {}, []
    for row in rows:
        if lacking := [name for name in _IMAGE if name not in row]:
            fail(file, lacking[0], "missing", "convert the file anew")
        image = {"id": row["image_id"], **{name: row[name] for name in _IMAGE[1:]}}
        if row.get("persons_complete") is False:
            image["persons_complete"] = False
        images.setdefault(str(row["image_id"]), image)
        if row.get("id") is None:
            continue
        entry = {"image_id": row["image_id"], "category_id": category["id"]}
        entry |= {name: row[name] for name in _PERSON if row.get(name) is not None}
        if row.get("segmentation"):
            try:
                entry["segmentation"] = json.loads(row["segmentation"])
            except (TypeError, ValueError, RecursionError):
                fail(file, f"annotations[id {row['id']}].segmentation", "not JSON", "correct it")
        annotations.append(entry)
    category["keypoints"] = list(own.keypoints)
    category["skeleton"] = [[first + 1, second + 1] for first, second in own.limbs]
    found = {"images": [*images.values()], "annotations": annotations, "categories": [category]}
    photos = path / "photos" if path.is_dir() else None
    return Found(file, found, skeleton or own, photos)


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a file, or `annotations.parquet` of a folder."""
    file = target if target.suffix else target / "annotations.parquet"
    arrow, parquet, _ = modules(file)
    whole = content(annotations)
    by_image = {image["id"]: [] for image in whole["images"]}
    for entry in whole["annotations"]:
        by_image[entry["image_id"]].append(entry)
    rows = []
    for image in whole["images"]:
        own = {name: image[name] for name in _IMAGE[1:]} | {"image_id": image["id"]}
        own["persons_complete"] = image.get("persons_complete", True)
        for entry in by_image[image["id"]] or [{}]:
            row = own | {name: entry.get(name) for name in _PERSON}
            outline = entry.get("segmentation")
            rows.append(row | {"segmentation": json.dumps(outline) if outline else None})
    numbers = arrow.list_(arrow.float64())
    kinds = {
        **dict.fromkeys(("image_id", "width", "height", "id", "num_keypoints"), arrow.int64()),
        **dict.fromkeys(("file_name", "segmentation"), arrow.string()),
        **{"bbox": numbers, "keypoints": numbers, "area": arrow.float64()},
        **{"iscrowd": arrow.int64(), "persons_complete": arrow.bool_()},
    }
    order = (*_IMAGE, "persons_complete", *_PERSON, "segmentation")
    about = {
        "skeleton": annotations.skeleton.to_dict(),
        "category_id": annotations.category_id,
        "category": whole["categories"][0]["name"],
    }
    schema = arrow.schema([(name, kinds[name]) for name in order])
    schema = schema.with_metadata({_META: json.dumps(about).encode()})
    columns = {name: [row[name] for row in rows] for name in order}
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial:
        parquet.write_table(arrow.table(columns, schema=schema), partial)
    return Written([file], Counter())
