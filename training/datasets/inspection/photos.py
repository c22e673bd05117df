"""Photos and masks beside their labels."""

from collections.abc import Callable, Iterable
from os.path import isfile
from pathlib import Path

from multiposenet.annotations import is_file_name, mask_path, photo_path
from multiposenet.errors import InputError
from multiposenet.sources import read_header, read_image, read_labels


def check_photos(images: Iterable[tuple], folder: Path, add: Callable, decode: bool) -> None:
    """Checks that photos are there, can be read, and are of the size that the labels say.

    Args:
        images: ids and entries of the photos.
        folder: of the photos.
        add: takes the kind, the ids of photo and annotation, and the message of a defect.
        decode: read the pixels, too; otherwise the header alone.
    """
    for image, entry in images:
        if not is_file_name(entry.get("file_name")):
            continue
        path = photo_path(folder, entry["file_name"])
        if not isfile(path):
            add("missing_photo", image, None, str(path))
            continue
        try:
            header = read_header(path)
            if decode:
                read_image(path)
        except InputError as error:
            add("unreadable_photo", image, None, str(error))
            continue
        told = (entry.get("height"), entry.get("width"))
        if told == header.stored and header.orientation > 1:
            # Turned by half a turn or a mirror, a photo keeps its size: nothing tells then.
            sure = header.stored != header.upright
            what = "are for it as stored" if sure else "may be for it as stored"
            text = f"{path}: EXIF orientation {header.orientation}, the labels {what}"
            add("turned_photo", image, None, text)
        elif told != header.upright:
            text = f"{header.upright[1]}x{header.upright[0]}, not {told[1]}x{told[0]}"
            add("wrong_size", image, None, f"{path}: {text}")


def check_masks(images: Iterable[tuple], folder: Path, add: Callable) -> None:
    """Checks the masks of the photos that have one.

    Args:
        images: ids and entries of the photos.
        folder: of the masks.
        add: as for `check_photos`.
    """
    for image, entry in images:
        if not (entry.get("mask") and is_file_name(entry.get("file_name"))):
            continue
        path = mask_path(folder, entry["file_name"])
        try:
            labels = read_labels(path)
        except InputError as error:
            add("bad_mask", image, None, str(error))
            continue
        if labels.shape != (entry.get("height"), entry.get("width")):
            add("bad_mask", image, None, f"{path}: {labels.shape[1]}x{labels.shape[0]}")
        elif labels.max() == 255 and ((labels == 0) | (labels == 255)).all():
            add("mask_of_255", image, None, str(path))
        elif labels.max() > 2:
            add("bad_mask", image, None, f"{path}: has the value {labels.max()}")
