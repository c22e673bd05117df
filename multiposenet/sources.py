"""Images in: a file, a folder, a glob pattern, an array, or a list of these, as RGB frames.

Files are checked by their header before any pixel is decoded, and everything that can be wrong with
one raises an `InputError` whose single line names the file, what is wrong and what to do about it.
"""

import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from multiposenet.errors import InputError

MIN_SIDE = 8  # nothing can be recognised below; catches tracking pixels and broken exports
MAX_SIDE = 32_000  # OpenCV addresses pixels with 16 bits
MAX_PIXELS = 100_000_000  # 300 MB as RGB

# Pillow can read more, but some of it runs other programs (EPS) or is no photograph.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
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


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image file of any common kind.

    The EXIF orientation is applied, transparency is laid over white, 16-bit values are scaled to
    8 bits, and of several pages or animation frames the first is taken.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: the file is missing, not readable, no image, damaged, too small or too large.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise InputError(f"{path}: file: is {kind}; give an image file")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: file: is empty; save or download the image again")
        stream = path.open("rb")
    except OSError as error:
        remedy = "make it readable" if isinstance(error, PermissionError) else "check the path"
        raise InputError(f"{path}: file: {_reason(error)}; {remedy}") from error
    with stream:
        return _decode(stream, str(path))


def read_labels(path: str | os.PathLike) -> np.ndarray:
    """Reads an image whose pixels are labels, such as a mask, with the values that it stores.

    `read_image` would turn a palette into colours.

    Args:
        path: the file, grey or with a palette.

    Returns:
        (H, W) uint8.

    Raises:
        InputError: the file is missing, not an image, or not of one 8-bit channel.
    """
    try:
        with Image.open(path) as image:
            labels = np.array(image)
    except (OSError, SyntaxError) as error:  # Pillow's PNG reader raises both
        raise InputError(f"{path}: mask: damaged or not an image; restore the file") from error
    if labels.ndim != 2 or labels.dtype not in (np.uint8, bool):
        found = "one channel" if labels.ndim == 2 else f"{labels.shape[-1]} channels"
        found = f"{found} of {labels.dtype}"
        raise InputError(f"{path}: mask: {found}, not one 8-bit channel; save it as a grey PNG")
    return labels.astype(np.uint8)


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Reads the size of a photo from its header, turned upright as `read_image` does.

    Args:
        path: the file.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: the file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception as error:  # decoders fail on damaged data with nearly every built-in error
        raise InputError(
            f"{path}: file: missing, damaged or not an image; restore the file"
        ) from error
    return (width, height) if turned else (height, width)


def from_array(array, name: str = "array") -> np.ndarray:
    """Turns an array that holds an image into the form everything else works on.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; boolean, unsigned 8 or 16 bit
            (scaled by its full range), other integers from 0 to 255, or floats from 0 to 1 or
            from 0 to 255.
        name: what to call the array in errors.

    Returns:
        (H, W, 3) uint8 RGB; the array itself if it has this form already.

    Raises:
        InputError: the shape, size, type or values are none of these.
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4):
        raise InputError(
            f"{name}: shape: {array.shape} is no image; give (H, W), (H, W, 3) or (H, W, 4)"
        )
    _check_size(array.shape[1], array.shape[0], name)
    array = _to_uint8(array, name)
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    if array.shape[-1] == 4:
        alpha = array[..., 3:].astype(np.uint16)
        return ((array[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(array)


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
    except OSError as error:
        raise InputError(f"{path}: file: {_reason(error)}; check the path") from error
    images = sorted(p for p in found if _is_image_name(p) and p.is_file())
    if not images:
        raise InputError(f"{path}: {where}; give one with files such as .jpg, .png or .webp")
    return images


def frames(source) -> Iterator[Frame | InputError]:
    """Reads images one after the other, keeping none.

    Args:
        source: a path or glob pattern as for `files`, an array as for `from_array`, a stack of
            images (N, H, W, C), a `PIL.Image.Image`, a `Frame`, or an iterable of these.

    Yields:
        A `Frame` for each image, or, in its place, the `InputError` of an input that cannot be
        used; the inputs after it are still read.
    """
    for index, item in enumerate(_items(source)):
        try:
            yield item if isinstance(item, Frame) else _frame(item, f"array {index}")
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


def _frame(item, name: str) -> Frame:
    if isinstance(item, InputError):
        raise item
    if isinstance(item, Path):
        return Frame(read_image(item), str(item), item)
    if isinstance(item, Image.Image):
        return Frame(from_array(_to_array(item, name), name), name)
    if _is_array(item):
        return Frame(from_array(item, name), name)
    kind = type(item).__name__
    raise InputError(f"{name}: source: a {kind} is no image; give a path or an array")


def _is_array(value) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, Image.Image)


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _reason(error: Exception) -> str:
    """What an error says, on one line and without the path, which the caller puts in front."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{name}: size: {width}x{height} pixels"
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{size}, a side is below {MIN_SIDE}; give a larger image")
    if max(width, height) > MAX_SIDE:
        raise InputError(f"{size}, a side is above {MAX_SIDE}; scale it down or cut it up")
    if width * height > MAX_PIXELS:
        millions = MAX_PIXELS // 1_000_000
        raise InputError(f"{size}, more than {millions} million; scale it down or cut it up")


def _decode(stream, name: str) -> np.ndarray:
    Image.init()
    formats = [kind for kind in _FORMATS if kind in Image.OPEN]  # AVIF depends on the build
    try:
        with warnings.catch_warnings():
            # Pillow warns of sizes below MAX_PIXELS and of damaged EXIF data; neither matters.
            warnings.simplefilter("ignore")
            image = Image.open(stream, formats=formats)
            _check_size(*image.size, name)
            image.load()
            array = _to_array(image, name)
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError(
            f"{name}: file: not an image of a known kind; convert it to JPEG or PNG"
        ) from error
    except Image.DecompressionBombError as error:
        millions = MAX_PIXELS // 1_000_000
        raise InputError(
            f"{name}: size: more than {millions} million pixels; scale it down or cut it up"
        ) from error
    except Exception as error:  # decoders fail on damaged data with nearly every built-in error
        raise InputError(
            f"{name}: file: damaged image ({_reason(error)}); save or download it again"
        ) from error
    return from_array(array, name)


def _to_array(image: Image.Image, name: str) -> np.ndarray:
    """Pillow image to an array that `from_array` takes, turned upright."""
    image = _upright(image)
    if image.mode == "F" or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode == "I":  # older Pillow reads 16-bit PNG so; wider values have no known white
        array = np.asarray(image)
        if array.min() < 0 or array.max() > 65535:
            raise InputError(f"{name}: depth: 32-bit grey values; convert it to 16 or 8 bits")
        return array.astype(np.uint16)
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data say nothing about the pixels: take them as stored
        return image


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * 255
    if kind == "u" and bits == 16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind not in "iuf":
        raise InputError(f"{name}: type: {array.dtype} is no pixel type; give uint8 or float32")
    low, high = float(array.min()), float(array.max())
    if kind != "f" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    # Interpolation overshoots a little; but a range in doubt is an error, not a black image.
    top = 1 if high <= 1.01 else 255
    in_doubt = 1.01 < high < 2
    if kind != "f" or in_doubt or not (-0.01 * top <= low and high <= 1.01 * top):
        raise InputError(
            f"{name}: values: {low:g} to {high:g} as {array.dtype}; give 0 to 1 or 0 to 255"
        )
    return np.clip(np.rint(array * (255 / top)), 0, 255).astype(np.uint8)


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
