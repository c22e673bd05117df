"""Images in: a file, a folder, a glob pattern, an array, or a list of these, as RGB frames.

Files are checked by their header before any pixel is decoded, and everything that can be wrong with
one raises an `InputError` whose single line names the file, what is wrong and what to do about it.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import numpy as np
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.sources.image_files import (
    check_size,
    from_picture,
    image_size,
    read_header,
    read_image,
    read_labelled,
    read_labels,
    read_person_mask,
    reason,
)
from multiposenet.sources.pixels import DEFAULT_LIMITS, Limits, from_array

__all__ = [
    "SUFFIXES",
    "Frame",
    "Limits",
    "check_size",
    "files",
    "frames",
    "from_array",
    "image_size",
    "is_single",
    "read_header",
    "read_image",
    "read_labelled",
    "read_labels",
    "read_person_mask",
    "sample_photo",
]

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .avif .tif .tiff .bmp .gif .ppm .pgm .pbm .pnm "
    ".jp2".split()
)


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        name: the path as given, or `"array 0"`, `"array 1"`... for images without one.
        path: the file, or None.
    """

    image: np.ndarray
    name: str
    path: Path | None = None


def files(source: str | os.PathLike) -> list[Path]:
    """Lists the image files a source stands for.

    Args:
        source: a file, which is taken whatever its name; a folder, of which the files with an
            image suffix are taken in the order of their names, without its sub-folders; or a glob
            pattern (`"photos/*.jpg"`, `"photos/**/*"`), likewise.

    Raises:
        InputError: there is no such file, or no image in the folder or among the matches.
    """
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            found, where = list(path.iterdir()), "folder: has no images"
        elif path.exists() or not has_magic(str(path)):
            path.stat()
            return [path]
        else:
            found = [Path(match) for match in glob(str(path), recursive=True)]
            where = "pattern: matches no images"
    except (OSError, ValueError) as error:  # a zero byte in the name, a pattern that is none
        raise InputError(f"{path}: file: {reason(error)}; check the path") from error
    images = sorted(p for p in found if _is_image_name(p) and p.is_file())
    if not images:
        raise InputError(f"{path}: {where}; give one with files such as .jpg, .png or .webp")
    return images


def frames(source, limits: Limits = DEFAULT_LIMITS) -> Iterator[Frame | InputError]:
    """Reads images one after the other, keeping none.

    Args:
        source: a path or glob pattern as for `files`, an array as for `from_array`, a stack of
            images (N, H, W, C), a `PIL.Image.Image`, a `Frame`, or an iterable of these.
        limits: what an image may cost.

    Yields:
        A `Frame` for each image, or, in its place, the `InputError` of an input that cannot be
        used; the inputs after it are still read.
    """
    for index, item in enumerate(_items(source)):
        try:
            yield item if isinstance(item, Frame) else _frame(item, f"array {index}", limits)
        except InputError as error:
            yield error


def is_single(source) -> bool:
    """Tells whether a source stands for exactly one image.

    Args:
        source: anything `frames` takes.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        return not path.is_dir() and (path.exists() or not has_magic(str(path)))
    return isinstance(source, (Frame, Image.Image)) or _is_array(source) and np.ndim(source) != 4


def _items(source) -> Iterator:
    """Flattens a source into single images: paths, arrays, or the error met on the way."""
    if isinstance(source, (str, os.PathLike)):
        try:
            yield from files(source)
        except InputError as error:
            yield error
    elif is_single(source) or isinstance(source, bytes) or not isinstance(source, Iterable):
        yield source
    else:
        for item in source:
            yield from _items(item)


def _frame(item, name: str, limits: Limits) -> Frame:
    if isinstance(item, InputError):
        raise item
    if isinstance(item, Path):
        return Frame(read_image(item, limits), str(item), item)
    if isinstance(item, Image.Image):
        return Frame(from_picture(item, name, limits), name)
    if _is_array(item):
        return Frame(from_array(item, name, limits), name)
    kind = type(item).__name__
    raise InputError(f"{name}: source: a {kind} is no image; give a path or an array")


def _is_array(value) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, Image.Image)


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def sample_photo() -> Path:
    """Grace Hopper, 1984: a work of the U.S. Navy, in the public domain.

    Raises:
        InputError: matplotlib, with which the photo comes, does not have it any more.
    """
    import matplotlib

    photo = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if not photo.is_file():
        raise InputError(f"{photo}: sample photo: not in this matplotlib; name a photo of your own")
    return photo
