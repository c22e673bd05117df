"""`predict --format`: what was found as labels in the format of a tool, to be corrected there."""

import json
from pathlib import Path

from multiposenet.commands import console
from multiposenet.errors import InputError


def write(kind: str, results: Path, photos: list, skeleton, least: float) -> tuple[Path, int]:
    """Writes a file of results as labels beside it, in a folder named by the format.

    Args:
        kind: of `label_formats.FORMATS`.
        results: `poses.json`.
        photos: `folder.Photo`s, also those on which nobody was found.
        skeleton: of the results.
        least: score from which a keypoint is labelled.

    Returns:
        The folder, and how many photos could not be labelled, each of which is reported.

    Raises:
        InputError: the format is not possible, for the photos' names for example.
    """
    from multiposenet import label_formats
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.sources import image_size

    by_photo, images, annotations, failures = {}, [], [], 0
    for row in json.loads(results.read_text(encoding="utf-8")):
        by_photo.setdefault(row["image_id"], []).append(row)
    for photo in photos:
        try:
            if not isinstance(photo.source, Path) or photo.page is not None:
                raise InputError(
                    f"{photo}: --format: labels are of photos in files of their own; save it as one"
                )
            height, width = image_size(photo.source)
        except InputError as error:
            console.report(error)
            failures += 1
            continue
        size = {"width": width, "height": height}
        images.append({"id": photo.image_id, "file_name": photo.file_name, **size})
        for row in by_photo.get(photo.image_id, ()):
            own = {"id": len(annotations) + 1, "image_id": photo.image_id, "category_id": 1}
            annotations.append({**own, "bbox": row["bbox"], "keypoints": _labelled(row, least)})
    category = {"id": 1, "name": skeleton.name, "keypoints": list(skeleton.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    found = CocoAnnotations.from_content(content, results, skeleton)
    folder = results.parent / kind
    for what, times in (+label_formats.write(found, f"{kind}:{folder}").lost).items():
        console.report(f"note: {folder}: {times:,} {what.removeprefix('(kept) ')}")
    return folder, failures


def _labelled(row: dict, least: float) -> list[float]:
    """The keypoints as labels: x, y and 2, or 0, 0, 0 of those that score too little."""
    values = row["keypoints"]
    points = zip(values[::3], values[1::3], values[2::3], strict=True)
    return [v for x, y, score in points for v in ((x, y, 2) if 0 < score >= least else (0, 0, 0))]
