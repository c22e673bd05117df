"""Arrays that hold an image -> (H, W, 3) uint8 RGB, or an error where their range is in doubt."""

from dataclasses import dataclass

import numpy as np

from multiposenet.errors import InputError

MIN_SIDE = 8  # nothing can be recognised below; catches tracking pixels and broken exports
MAX_SIDE = 32_000  # OpenCV addresses pixels with 16 bits
MAX_PIXELS = 100_000_000  # 300 MB as RGB

# Floats up to here that are not whole numbers are more likely standardised, or of 0 to 2 or 0 to
# 10, than a photo of 0 to 255 that is nearly black.
_DARK = 32
_TWELVE_BITS = 4095
_REMEDY = "give 0 to 1 or 0 to 255"


@dataclass(frozen=True)
class Limits:
    """What an image may cost.

    Attributes:
        side: pixels of the longer side.
        pixels: of the whole image. Pillow itself refuses more than 178 million.
        memory: bytes that decoding is estimated to take.
        scans: how often a progressive JPEG may go over its pixels. Encoders write about ten.
        scanned: pixels of all these scans together.
    """

    side: int = MAX_SIDE
    pixels: int = MAX_PIXELS
    memory: int = 1 << 30
    scans: int = 100
    scanned: int = 2_000_000_000

    def check(self, width: int, height: int, name: str, least: int = MIN_SIDE) -> None:
        """Raises `InputError` for an image that has too many pixels, or a side below `least`."""
        size = f"{name}: size: {width}x{height} pixels"
        if min(width, height) < least:
            raise InputError(f"{size}, a side is below {least}; give a larger image")
        if max(width, height) > self.side:
            raise InputError(f"{size}, a side is above {self.side}; scale it down or cut it up")
        if width * height > self.pixels:
            millions = f"{self.pixels / 1e6:g}"
            raise InputError(f"{size}, more than {millions} million; scale it down or cut it up")


DEFAULT_LIMITS = Limits()


def from_array(array, name: str = "array", limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Turns an array that holds an image into the form everything else works on.

    Values out of this contract are refused and not guessed at: floats with a mean subtracted or
    divided by a deviation, or of 0 to 2, and 10 or 12 bits in uint16 would be read as black.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; boolean, unsigned 8 or 16 bit
            (scaled by its full range), other integers from 0 to 255, or floats from 0 to 1 or
            from 0 to 255.
        name: what to call the array in errors.
        limits: sizes that are allowed.

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
    limits.check(array.shape[1], array.shape[0], name)
    return to_rgb(_to_uint8(array, name))


def to_rgb(array: np.ndarray) -> np.ndarray:
    """(H, W, 1), (H, W, 3) or (H, W, 4) uint8 -> (H, W, 3), transparency laid over white."""
    if array.shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    if array.shape[-1] == 4:
        alpha = array[..., 3:].astype(np.uint16)
        return ((array[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(array)


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    kind, bits = array.dtype.kind, 8 * array.dtype.itemsize
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * 255
    if kind not in "iuf":
        raise InputError(f"{name}: type: {array.dtype} is no pixel type; give uint8 or float32")
    low, high = float(array.min()), float(array.max())
    told = f"{name}: values: {low:g} to {high:g} as {array.dtype}"
    if kind == "u" and bits == 16:
        if 0 < high <= _TWELVE_BITS:
            raise InputError(f"{told}, of 0 to 65535 nearly black; {_REMEDY}, or all 16 bits")
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind != "f":
        if low < 0 or high > 255:
            raise InputError(f"{told}; {_REMEDY}")
        return array.astype(np.uint8)
    # Interpolation overshoots a little; but a range in doubt is an error, not a black image.
    top = 1 if high <= 1.01 else 255
    in_range = -0.01 * top <= low and high <= 1.01 * top
    if not in_range or (top == 255 and high < _DARK and _in_doubt(array, high)):
        raise InputError(f"{told}; {_REMEDY}")
    return np.clip(np.rint(array * (255 / top)), 0, 255).astype(np.uint8)


def _in_doubt(array: np.ndarray, high: float) -> bool:
    """Whether dark floats may be of another scale; whole numbers above 2 are 8 bits as floats."""
    return high <= 2 or not (array == np.rint(array)).all()
