"""Images in, as RGB frames: files, folders, glob patterns, tables, other file systems, the web,
memory, or lists of these.

Files are checked by their header before any pixel is decoded, and everything that can be wrong with
one raises an `InputError` whose single line names the file, what is wrong and what to do about it.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from multiposenet import overlapped
from multiposenet.errors import InputError
from multiposenet.sources import encoded, remote, video
from multiposenet.sources.encoded import MOST as MOST_BYTES
from multiposenet.sources.encoded import is_url
from multiposenet.sources.image_files import (
    check_size,
    from_picture,
    image_size,
    pages,
    read_header,
    read_image,
    read_labelled,
    read_pages,
    reason,
)
from multiposenet.sources.label_images import read_labels, read_person_mask
from multiposenet.sources.listing import SUFFIXES, files, is_several
from multiposenet.sources.pixels import DEFAULT_LIMITS, Limits, from_array
from multiposenet.sources.remote import files as remote_files
from multiposenet.sources.remote import is_remote
from multiposenet.sources.sequence import is_sequence
from multiposenet.sources.table import TableRow, is_table
from multiposenet.sources.table import rows as table_rows

__all__ = [
    "MOST_BYTES",
    "SUFFIXES",
    "Frame",
    "Limits",
    "Source",
    "TableRow",
    "check_size",
    "files",
    "frames",
    "frames_ahead",
    "from_array",
    "image_size",
    "is_remote",
    "is_several",
    "is_single",
    "is_table",
    "is_url",
    "one_frame",
    "pages",
    "read_frame",
    "read_header",
    "read_image",
    "read_labelled",
    "read_labels",
    "read_person_mask",
    "reason",
    "remote_files",
    "sample_photo",
    "table_rows",
]

_AHEAD = 2  # images that are decoded in advance


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        name: the path or address as given, or `"array 0"`, `"array 1"`... for images without one.
        path: the file, or None.
        index: which page of the file or frame of the video it is, counted from 0; None of a file
            that is one image.
        time: seconds from the start of a video or an animation; None where there is no time.
    """

    image: np.ndarray
    name: str
    path: Path | None = None
    index: int | None = None
    time: float | None = None

    @property
    def origin(self) -> dict:
        """`source` and `image` of the `Poses` found in it: what can be read again is not kept."""
        if self.path is not None and self.index is None:
            return {"source": self.name, "image": None}
        known = self.path is not None or is_url(self.name) or is_remote(self.name)
        return {"source": self.name if known else None, "image": self.image}


Source = str | os.PathLike | bytes | BinaryIO | np.ndarray | Image.Image | Frame | Iterable[Any]
"""What `frames` takes."""


def frames(
    source: Source,
    limits: Limits = DEFAULT_LIMITS,
    *,
    recursive: bool = False,
    all_pages: bool = False,
    every: int = 1,
    start: float = 0.0,
    end: float | None = None,
) -> Iterator[Frame | InputError]:
    """Reads images one after the other, keeping none.

    Args:
        source: a path, folder or glob pattern as for `files`; a video file, numbered images
            (`frames/%06d.png`), the address of a stream (`rtsp://`) or the number of a camera, see
            `video`; the address of an image on the web (`https://` or `http://`, at most 256 MiB
            in a minute); of an image or a folder on another file system (`s3://`, see `remote`); a
            Parquet table, see `table`; an encoded image as `bytes`, or an open file; an array as
            for `from_array`, a stack of images (N, H, W, C), tensors of PyTorch, also (C, H, W)
            and (N, C, H, W); a `PIL.Image.Image`; a `Frame`; or an iterable of these.
        limits: what an image may cost.
        recursive: whether the sub-folders of folders are searched, too.
        all_pages: whether all pages of a TIFF or frames of an animation are read, or the first.
        every, start, end: which frames of videos are read, see `video.Cut`.

    Yields:
        A `Frame` for each image, or, in its place, the `InputError` of an input that cannot be
        used; the inputs after it are still read.
    """
    cut = video.Cut(every, start, end)
    for number, item in enumerate(_items(source, recursive)):
        try:
            if video.is_video(item):
                yield from _video_frames(item, cut, limits)
            elif all_pages and isinstance(item, Path):
                for index, (image, time) in enumerate(read_pages(item, limits)):
                    yield Frame(image, f"{item}[{index}]", item, index, time)
            else:
                yield read_frame(item, f"array {number}", limits)
        except InputError as error:
            yield error


def _video_frames(source, cut: video.Cut, limits: Limits) -> Iterator[Frame | InputError]:
    path = source if isinstance(source, Path) else None
    for item in video.read(source, cut, limits):
        if not isinstance(item, InputError):
            image, index, time = item
            item = Frame(image, f"{source}[{index}]", path, index, time)
        yield item


def frames_ahead(source: Source, **reading) -> Iterator[Frame | InputError]:
    """`frames`, the next ones of which are decoded while the caller works with one.

    What the caller makes itself, an iterator of frames or arrays, is taken in the caller's thread.

    Args:
        source: as for `frames`.
        **reading: the options of `frames`.
    """
    found = frames(source, **reading)
    return found if isinstance(source, Iterator) else overlapped.ahead(found, _AHEAD)


def read_frame(item, name: str = "array", limits: Limits = DEFAULT_LIMITS) -> Frame:
    """Reads what is one image, no folder and no pattern.

    Args:
        item: a `Path` or another of the sources of `frames` that are one image.
        name: of what has none.
        limits: what it may cost.

    Raises:
        InputError: it cannot be used; an `InputError` itself is raised as it is.
    """
    if isinstance(item, InputError):
        raise item
    if isinstance(item, Frame):
        return item
    if isinstance(item, Path):
        return Frame(read_image(item, limits), str(item), item)
    if isinstance(item, Image.Image):
        return Frame(from_picture(item, name, limits), name)
    if isinstance(item, TableRow):
        return Frame(encoded.read(item.content(), str(item), limits), str(item))
    if is_remote(item):
        return Frame(encoded.read(remote.content(item), item, limits), item)
    if isinstance(item, bytes) or is_url(item) or encoded.is_stream(item):
        given = getattr(item, "name", None)
        name = item if isinstance(item, str) else given if isinstance(given, str) else name
        return Frame(encoded.read(item, name, limits), name)
    if _is_array(item):
        return Frame(from_array(_channels_last(item), name, limits), name)
    kind = type(item).__name__
    raise InputError(f"{name}: source: a {kind} is no image; give a path or an array")


def one_frame(source: Source) -> Frame:
    """Reads a source that is one image.

    Args:
        source: as for `frames`.

    Raises:
        InputError: the image cannot be used.
        ValueError: the source stands for several images.
    """
    if not is_single(source):
        raise ValueError("source: not one image; give a path or an array (H, W, 3)")
    (frame,) = frames(source)
    if isinstance(frame, InputError):
        raise frame
    return frame


def is_single(source: Source, all_pages: bool = False) -> bool:
    """Tells whether a source stands for exactly one image.

    Args:
        source: anything `frames` takes.
        all_pages: as for `frames`; a file then stands for any number.
    """
    if isinstance(source, (str, os.PathLike)):
        if is_url(source) or is_remote(source):
            return not remote.is_folder(source)
        several = is_several(source) or is_table(source) or video.is_video(source)
        return not (all_pages or several)
    if isinstance(source, (Frame, Image.Image, bytes)) or encoded.is_stream(source):
        return True
    return _is_array(source) and np.ndim(source) != 4


def _items(source, recursive: bool = False) -> Iterator:
    """Flattens a source into single images, or the error met on the way."""
    if is_url(source) or video.is_live(source) or is_sequence(source):
        yield source
    elif isinstance(source, (str, os.PathLike)):
        try:
            if is_remote(source):
                yield from remote_files(source, recursive)
            elif is_table(source):
                yield from (item for item, _ in table_rows(Path(source)))
            else:
                yield from files(source, recursive)
        except InputError as error:
            yield error
    elif is_single(source) or not isinstance(source, Iterable):
        yield source
    else:
        for item in source:
            yield from _items(item, recursive)


def _is_array(value) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, Image.Image)


def _channels_last(array):
    """An array, of a tensor of PyTorch where it is one, whose channels come first by custom."""
    if type(array).__module__.partition(".")[0] != "torch":
        return array
    array = array.detach().cpu().numpy()
    # A side of an image is no shorter than 8 pixels, so that this cannot be (H, W, C).
    first = array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4)
    return np.moveaxis(array, 0, -1) if first else array


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
