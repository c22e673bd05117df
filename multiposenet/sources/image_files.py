"""Image files: one opener with all guards, for photos, masks and sizes alike.

A file is opened only if it is a regular one, by its content and not by its name, and only in a
format of the list; its header says what decoding would cost before a pixel is decoded.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from multiposenet.errors import InputError
from multiposenet.sources.pixels import DEFAULT_LIMITS, MIN_SIDE, Limits, from_array, to_rgb
from multiposenet.sources.quiet import no_warnings

# Pillow can read more, but some of it runs other programs (EPS) or is no photograph.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
# Bytes a pixel at the peak of decoding, measured. WebP and AVIF keep canvases of their own.
_BYTES = {"WEBP": 17, "AVIF": 12, "JPEG2000": 20}
_OTHER_BYTES = 10
_DEEP_BYTES = 24  # modes that are decoded as a whole: 16-bit, 32-bit and float grey
_STRIP = 1 << 21  # pixels converted at a time


@dataclass(frozen=True)
class Header:
    """What a photo's header says.

    Attributes:
        stored: (height, width) of the pixels as the file stores them.
        orientation: EXIF orientation, 1 to 8; 1 is upright as stored.
    """

    stored: tuple[int, int]
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """(height, width) as `read_image` turns the photo."""
        return self.stored[::-1] if self.orientation >= 5 else self.stored


def read_image(path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Reads an image file of any common kind.

    The EXIF orientation is applied, transparency is laid over white, 16-bit values are scaled to
    8 bits, and of several pages or animation frames the first is taken.

    Args:
        path: the file.
        limits: what it may cost.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: the file is missing, not readable, no image, damaged, too small or too large.
    """
    with opened(path, limits, MIN_SIDE) as image:
        return from_picture(image, str(path), limits)


def read_stream(stream, name: str, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Reads an image as `read_image` does, from a stream of bytes that can be sought in.

    Args:
        stream: binary; it is not closed.
        name: what to call it in errors.
        limits: what it may cost.

    Raises:
        InputError: as for `read_image`.
    """
    with _guarded(name, limits):
        return from_picture(_checked(stream, name, limits, MIN_SIDE), name, limits)


def read_pages(
    path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[np.ndarray, float | None]]:
    """Reads all pages of a TIFF, or all frames of an animation, as `read_image` reads the first.

    Args:
        path: the file.
        limits: what each page may cost.

    Yields:
        (H, W, 3) uint8 RGB, and of an animation the seconds from its start, else None.

    Raises:
        InputError: as for `read_image`; the pages before the damaged one are there.
    """
    name = str(path)
    with _regular_file(Path(path)) as stream:
        with _guarded(name, limits):
            image = _checked(stream, name, limits, MIN_SIDE)
            start = 0.0 if "duration" in image.info else None
            count = _count_pages(image)
        for page in range(count):
            with _guarded(name, limits):
                image.seek(page)
                _check_cost(image, stream, name, limits)
                pixels = from_picture(image, name, limits)
            yield pixels, start
            if start is not None:
                start += image.info.get("duration", 0) / 1000


def pages(path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS) -> range:
    """The pages that `read_pages` reads.

    Args:
        path: the file.
        limits: what its first page may cost.

    Raises:
        InputError: as for `read_header`.
    """
    with opened(path, limits) as image:
        return range(_count_pages(image))


def read_labelled(
    path: str | os.PathLike, size: tuple[int, int], limits: Limits = DEFAULT_LIMITS
) -> np.ndarray:
    """Reads a photo that has labels in its pixels.

    Args:
        path: the file.
        size: (height, width) that the labels are for.
        limits: what it may cost.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: as for `read_image`, or the photo is of another size.
    """
    image = read_image(path, limits)
    check_size(path, image.shape, size)
    return image


def check_size(path: str | os.PathLike, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raises `InputError` unless an image of this file and shape is of the labels' size."""
    if shape[:2] == tuple(size):
        return
    found, wanted = (f"{width}x{height}" for height, width in (shape[:2], size))
    header = read_header(path)
    if header.orientation > 1 and header.stored == tuple(size):
        remedy = (
            f"its EXIF orientation {header.orientation} turns it: remove it, or turn the labels"
        )
    else:
        remedy = "use the photos that the labels were made for"
    raise InputError(f"{path}: size: {found} pixels, but the labels are for {wanted}; {remedy}")


def read_header(path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS) -> Header:
    """Reads size and orientation of a photo without decoding it.

    Args:
        path: the file.
        limits: what it may cost.

    Raises:
        InputError: the file is missing, not an image, or too large.
    """
    with opened(path, limits) as image:
        orientation, (width, height) = _orientation(image), image.size
        if image.format == "TIFF" and orientation >= 5:
            width, height = height, width  # Pillow gives the size of the turned picture
        return Header((height, width), orientation)


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Reads the size of a photo from its header, turned upright as `read_image` does.

    Args:
        path: the file.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: the file is missing, not an image, or too large.
    """
    return read_header(path).upright


def from_picture(image: Image.Image, name: str, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Turns a Pillow image upright and into (H, W, 3) uint8 RGB.

    Args:
        image: of any mode.
        name: what to call it in errors.
        limits: sizes that are allowed.

    Raises:
        InputError: its size or values cannot be used, or it is of a damaged file.
    """
    limits.check(*image.size, name)
    try:
        image.load()
    except Exception as error:  # as in `opened`
        raise InputError(
            f"{name}: file: damaged image ({reason(error)}); save or download it again"
        ) from error
    orientation = _orientation(image)
    if image.mode == "F" or image.mode.startswith("I"):
        array = np.asarray(image)
        if image.mode == "I":  # older Pillow reads 16-bit PNG so; wider values have no known white
            if array.min() < 0 or array.max() > 65535:
                raise InputError(f"{name}: depth: 32-bit grey values; convert it to 16 or 8 bits")
            array = array.astype(np.uint16)
        return _turned(from_array(array, name, limits), orientation)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    width, height = image.size
    array = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)  # in strips: Pillow needs several copies of what it converts
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        array[top : top + rows] = to_rgb(np.asarray(strip.convert(mode)))
    return _turned(array, orientation)


@contextmanager
def opened(path: str | os.PathLike, limits: Limits, least: int = 1) -> Iterator[Image.Image]:
    """The Pillow image of a file, not yet decoded; the block is `_guarded`."""
    with _regular_file(Path(path)) as stream, _guarded(str(path), limits):
        yield _checked(stream, str(path), limits, least)


def _checked(stream, name: str, limits: Limits, least: int) -> Image.Image:
    """A Pillow image within the limits, not yet decoded."""
    Image.init()
    formats = [kind for kind in _FORMATS if kind in Image.OPEN]  # AVIF depends on the build
    image = Image.open(stream, formats=formats)
    limits.check(*image.size, name, least)
    _check_cost(image, stream, name, limits)
    return image


@contextmanager
def _guarded(name: str, limits: Limits):
    """Whatever a decoder raises in the block becomes an `InputError`, and it warns of nothing."""
    try:
        with no_warnings():  # of sizes below the limit and of damaged EXIF data; neither matters
            yield
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError(
            f"{name}: file: not an image of a known kind; convert it to JPEG or PNG"
        ) from error
    except Image.DecompressionBombError as error:
        millions = f"{limits.pixels / 1e6:g}"
        raise InputError(
            f"{name}: size: more than {millions} million pixels; scale it down or cut it up"
        ) from error
    except Exception as error:  # decoders fail on damaged data with nearly every built-in error
        raise InputError(
            f"{name}: file: damaged image ({reason(error)}); save or download it again"
        ) from error


def _regular_file(path: Path):
    """Opens a file for reading.

    Raises:
        InputError: it is missing, empty, not readable, or a folder, pipe or device.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise InputError(f"{path}: file: is {kind}; give an image file")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: file: is empty; save or download the image again")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if isinstance(error, InputError):
            raise
        remedy = "make it readable" if isinstance(error, PermissionError) else "check the path"
        raise InputError(f"{path}: file: {reason(error)}; {remedy}") from error


def _count_pages(image: Image.Image) -> int:
    # The other pictures of an MPO are of the second eye, or no photos.
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _check_cost(image: Image.Image, stream, name: str, limits: Limits) -> None:
    """Raises `InputError` if decoding would take too much memory or time."""
    pixels = image.size[0] * image.size[1]
    deep = image.mode == "F" or image.mode.startswith("I")
    bytes_each = _DEEP_BYTES if deep else _BYTES.get(image.format, _OTHER_BYTES)
    if pixels * bytes_each > limits.memory:
        needed = f"{pixels * bytes_each / 2**30:.1f} GiB"
        width, height = image.size
        raise InputError(
            f"{name}: size: {width}x{height} pixels as {image.format}, decoding takes {needed}; "
            "scale it down or cut it up"
        )
    if image.format in ("JPEG", "MPO"):
        scans = _count_scans(stream)
        if scans > limits.scans or scans * pixels > max(limits.scanned, pixels):
            raise InputError(
                f"{name}: file: its {pixels / 1e6:.3g} million pixels are coded in {scans:,} "
                "scans; save it anew"
            )


def _count_scans(stream) -> int:
    """How often a JPEG goes over its pixels: in coded data FF is never followed by DA."""
    place, count, last = stream.tell(), 0, b""
    stream.seek(0)
    while chunk := stream.read(1 << 20):
        count += (last + chunk).count(b"\xff\xda")
        last = chunk[-1:]
    stream.seek(place)
    return count


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data say nothing about the pixels: take them as stored
        return 1
    return value if type(value) is int and 1 <= value <= 8 else 1


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) pixels as stored, turned as the EXIF orientation asks."""
    if orientation >= 5:  # stored by columns
        array = array.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def reason(error: Exception) -> str:
    """What an error says, on one line and without the path, which the caller puts in front."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())
