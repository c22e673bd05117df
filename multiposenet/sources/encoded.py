"""Encoded images that lie in no file: bytes, open files, and what an address on the web serves."""

import io

import numpy as np

from multiposenet.errors import InputError, WeightsError
from multiposenet.files import downloads
from multiposenet.sources import image_files
from multiposenet.sources.pixels import DEFAULT_LIMITS, Limits

MOST = 256 << 20  # bytes of an encoded image: more than any photo within the limits of pixels has
SECONDS = 60  # for an image from the web


def is_url(source) -> bool:
    """Whether a source is the address of something on the web."""
    return isinstance(source, str) and source.lower().startswith(("https://", "http://"))


def is_stream(source) -> bool:
    """Whether a source is an open file, or is read like one."""
    return callable(getattr(source, "read", None))


def read(source, name: str, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Reads an image from bytes, an open file or the web, with the guards of `read_image`.

    Args:
        source: `bytes`, an object with `read` that gives bytes, from where it stands, or the
            address of an image.
        name: what to call it in errors.
        limits: what decoding it may cost.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: it cannot be had, has too many bytes, or is no image that can be used.
    """
    return image_files.read_stream(io.BytesIO(_content(source, name)), name, limits)


def _content(source, name: str) -> bytes:
    if is_url(source):
        try:
            return downloads.content(source, MOST, SECONDS)
        except WeightsError as error:
            raise InputError(str(error)) from error
    if is_stream(source):
        try:
            source = source.read(MOST + 1)
        except (OSError, ValueError) as error:  # ValueError: it is closed
            reason = image_files.reason(error)
            raise InputError(f"{name}: file: {reason}; give one that can be read") from error
        if not isinstance(source, bytes):
            raise InputError(f"{name}: file: gives no bytes; open it in binary mode, 'rb'")
    source = bytes(source)
    if not source:
        raise InputError(f"{name}: file: is empty; an open file is read from where it stands")
    if len(source) > MOST:
        raise InputError(f"{name}: size: more than {MOST >> 20} MiB; scale the image down")
    return source
