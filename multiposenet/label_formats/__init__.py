"""Annotations in the formats of labelling tools and of other projects, read and written.

    yolo            folder of YOLO-pose text files with data.yaml, photos in images/
    cvat            XML of CVAT, "CVAT for images 1.1"
    label-studio    JSON export of Label Studio
    labelme         folder of Labelme's JSON files, one a photo
    parquet         a table, a row a person; needs pyarrow
    sleap           SLEAP's .slp; .nwb and DeepLabCut's .csv are read alone; needs sleap-io
    coco            COCO JSON

A module each, with `read(path, skeleton) -> Found` and `write(annotations, target) -> Written`.
What is read becomes the content of a COCO file and is checked as one is. What a side cannot hold is
counted, not dropped silently.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from multiposenet.errors import InputError

if TYPE_CHECKING:
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.label_formats.found import Found, Written
    from multiposenet.skeleton import Skeleton

# Name -> module here; imported when it is needed, as help needs the names alone.
FORMATS = {
    "coco": "coco",
    "yolo": "yolo",
    "cvat": "cvat",
    "label-studio": "label_studio",
    "labelme": "labelme",
    "parquet": "parquet",
    "sleap": "sleap",
}
_SUFFIXES = {
    ".xml": "cvat",
    ".parquet": "parquet",
    ".json": "coco",
    ".gz": "coco",
    ".slp": "sleap",
    ".nwb": "sleap",
}


def split(name: str) -> tuple[str, Path]:
    """Takes `FORMAT:PATH` apart; a path alone tells its format by its suffix.

    Raises:
        InputError: the format is unknown.
    """
    kind, colon, path = name.partition(":")
    if colon and path and kind in FORMATS:
        return kind, Path(path)
    kind = _SUFFIXES.get(Path(name).suffix.lower())
    if kind is None and Path(name).is_file():  # as people call them
        kind = "coco"
    if kind is None:
        raise InputError(
            f"{name}: format: not known by the name; write FORMAT:PATH with one of "
            f"{', '.join(FORMATS)}"
        )
    return kind, Path(name)


def read(name: str, skeleton: "Skeleton | None" = None) -> "Found":
    """Reads annotations.

    Args:
        name: `FORMAT:PATH`, such as `yolo:FOLDER` or `yolo:FOLDER:val`, or a file.
        skeleton: for files that name no keypoints, and the order of those in whose files they have
            none; by default that of the file `write` leaves beside them.

    Raises:
        AnnotationError: a file cannot be read or breaks the format.
        InputError: the format is unknown, or a photo is missing whose size is needed.
    """
    from multiposenet import skeleton as skeletons
    from multiposenet.label_formats import found

    kind, path = split(name)
    if skeleton is None and kind != "coco":
        beside = found.skeleton_beside(path)
        skeleton = skeletons.get(beside) if beside.is_file() else None
    return _module(kind).read(path, skeleton)


def load(name: str, skeleton: "Skeleton | None" = None) -> "CocoAnnotations":
    """As `read`, checked; a file without `FORMAT:` is a COCO file whatever its suffix is."""
    from multiposenet.annotations import CocoAnnotations

    kind, colon, _ = str(name).partition(":")
    if not colon or kind not in FORMATS or kind == "coco":
        path = str(name).removeprefix("coco:") if kind == "coco" else name
        if not (colon and Path(path).is_dir()):
            return CocoAnnotations.load(path, skeleton)
    return read(str(name), skeleton).annotations


def write(annotations: "CocoAnnotations", name: str) -> "Written":
    """Writes annotations, and their skeleton beside them where the format has no place for it.

    Args:
        annotations: what to write.
        name: `FORMAT:PATH`, or a file whose suffix tells the format.

    Returns:
        The files written, and what the format cannot hold.

    Raises:
        InputError: the format is unknown, or names of photos do not fit it.
        OSError: a file cannot be written.
    """
    from multiposenet.label_formats import found

    kind, path = split(name)
    written = _module(kind).write(annotations, path)
    if kind not in ("coco", "parquet"):
        beside = found.skeleton_beside(path)
        beside.parent.mkdir(parents=True, exist_ok=True)
        annotations.skeleton.to_yaml(beside)
        written.files.append(beside)
    return written


def place_of_photos(name: str) -> Path:
    """The folder where photos of annotations in a folder are looked for.

    Raises:
        InputError: the format is unknown, or it is a file that is named.
    """
    from multiposenet.label_formats import found

    kind, path = split(name)
    folder, part = found.split_of(path)
    if folder.suffix:
        raise InputError(f"{name}: photos: have no place beside a file; name a folder")
    places = {
        "yolo": f"images/{part}",
        "labelme": "",
        "sleap": "",
        "cvat": "images",
        "label-studio": "images",
    }
    return folder / places.get(kind, "photos")


def _module(kind: str):
    return import_module(f"multiposenet.label_formats.{FORMATS[kind]}")
