"""COCO JSON: https://cocodataset.org/#format-data."""

from collections import Counter
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.files.writing import write_text
from multiposenet.json_table import parse, read_bytes
from multiposenet.label_formats.found import Found, Written, category_name
from multiposenet.skeleton import Skeleton


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a file, or `annotations.json` of a folder whose photos are in `photos`."""
    folder = path if path.is_dir() else None
    file = path / "annotations.json" if folder else path
    content = parse(file, read_bytes(file))
    return Found(file, content, skeleton, folder / "photos" if folder else None)


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a file, or `annotations.json` of a folder."""
    import json

    file = target if target.suffix else target / "annotations.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(content(annotations), ensure_ascii=False, allow_nan=False))
    return Written([file], Counter())


def content(annotations: CocoAnnotations) -> dict:
    """The JSON object of annotations, of their category alone."""
    images, entries, persons = [], [], annotations.persons
    for record in annotations.images:
        size = {"width": record.width, "height": record.height}
        images.append({"id": record.id, "file_name": record.file_name, **size})
        kept = ("mask", "persons_complete")
        images[-1] |= {name: record.extra[name] for name in kept if name in record.extra}
    for row in range(len(persons)):
        entry = {
            "id": int(persons.ids[row]),
            "image_id": int(annotations.image_ids[persons.image[row]]),
            "category_id": annotations.category_id,
            "bbox": persons.xywh[row].tolist(),
            "area": float(persons.areas[row]),
            "iscrowd": int(persons.crowd[row]),
            "num_keypoints": int(persons.num_keypoints[row]),
            "keypoints": persons.keypoints[row].ravel().tolist(),
        }
        segmentation = annotations.segmentation(row)
        entries.append(entry if segmentation is None else {**entry, "segmentation": segmentation})
    skeleton = annotations.skeleton
    category = {
        "id": annotations.category_id,
        "name": category_name(skeleton),
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[first + 1, second + 1] for first, second in skeleton.limbs],
    }
    return {"images": images, "annotations": entries, "categories": [category]}
