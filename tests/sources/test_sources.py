"""Sources: every kind of image comes out right, everything unusable is one clear line."""

import os
import struct
import zlib

import numpy as np
import pytest
from coloured_images import WHITE, error_of
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.sources import from_array, read_image


@pytest.fixture
def ramp():
    """(16, 256) grey values 0 to 255 from left to right."""
    return np.tile(np.arange(256, dtype=np.uint8), (16, 1))


def chunk(kind, body):
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png(width, height, depth=8, colour=2, data=b"", text=b""):
    """A PNG file with any header, written by the specification."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + text
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm"])
def test_lossless_files_are_read_exactly(tmp_path, quarters, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(quarters).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, quarters)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "jp2"])
def test_lossy_files_are_read_closely(tmp_path, quarters, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(quarters).resize((320, 240), 0).save(path, quality=95)
    image = read_image(path)[5::10, 5::10]
    assert np.abs(image.astype(int) - quarters).max() < 60


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_exif_orientation(tmp_path, quarters, orientation, suffix):
    """The stored picture is the upright one changed by the inverse of what the tag asks for."""
    stored = {
        1: quarters,
        2: quarters[:, ::-1],
        3: quarters[::-1, ::-1],
        4: quarters[::-1],
        5: quarters.transpose(1, 0, 2),
        6: np.rot90(quarters, 1),  # the tag says: turn clockwise to view
        7: quarters[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(quarters, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), quarters)


def test_damaged_exif_does_not_hide_the_pixels(tmp_path, quarters):
    path = tmp_path / "image.jpg"
    Image.fromarray(quarters).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert read_image(path).shape == quarters.shape


def test_grey_and_bilevel(tmp_path, ramp):
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.stack([ramp] * 3, -1))
    Image.fromarray(ramp > 127).save(tmp_path / "bilevel.png")
    expected = np.where(ramp > 127, 255, 0)
    np.testing.assert_array_equal(read_image(tmp_path / "bilevel.png")[..., 0], expected)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, ramp, suffix):
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(ramp.astype(np.uint16) * 257).save(path)
    with Image.open(path) as image:
        assert image.mode.startswith("I")
    np.testing.assert_array_equal(read_image(path)[..., 1], ramp)


def test_sixteen_bit_colour(tmp_path, ramp):
    rows = np.stack([ramp[:16], 255 - ramp[:16], ramp[:16] * 0 + 7], -1).astype(">u2") * 257
    data = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    (tmp_path / "deep.png").write_bytes(png(256, 16, depth=16, data=data))
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), rows // 257)


def test_float_tiff(tmp_path, ramp):
    Image.fromarray(ramp.astype(np.float32) / 255).save(tmp_path / "float.tiff")
    np.testing.assert_array_equal(read_image(tmp_path / "float.tiff")[..., 2], ramp)


def test_wide_integers_have_no_known_white(tmp_path, ramp):
    Image.fromarray(ramp.astype(np.int32) * 100_000).save(tmp_path / "wide.tiff")
    assert "wide.tiff: depth: 32-bit" in error_of(read_image, tmp_path / "wide.tiff")


def test_transparency_is_laid_over_white(tmp_path, quarters):
    alpha = np.full((24, 32, 1), 255, np.uint8)
    alpha[:12], alpha[12:, :16] = 0, 128
    Image.fromarray(np.concatenate([quarters, alpha], -1)).save(tmp_path / "rgba.png")
    expected = quarters.copy()
    expected[:12] = WHITE
    expected[12:, :16] = (127, 127, 255)
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), expected)


def test_palettes_with_and_without_transparency(tmp_path, quarters):
    palette = Image.fromarray(quarters).quantize(4)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), quarters)
    palette.save(tmp_path / "holes.png", transparency=palette.getpixel((0, 0)))
    expected = quarters.copy()
    expected[:12, :16] = WHITE
    np.testing.assert_array_equal(read_image(tmp_path / "holes.png"), expected)


def test_grey_with_alpha_and_colour_key(tmp_path):
    grey = np.full((16, 16), 100, np.uint8)
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:8] = 0
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]).save(tmp_path / "la.png")
    image = read_image(tmp_path / "la.png")
    assert (image[:8] == 255).all() and (image[8:] == 100).all()
    Image.fromarray(grey).save(tmp_path / "key.png", transparency=100)
    assert (read_image(tmp_path / "key.png") == 255).all()


@pytest.mark.parametrize("suffix", ["tiff", "jpg"])
def test_cmyk(tmp_path, quarters, suffix):
    path = tmp_path / f"print.{suffix}"
    Image.fromarray(quarters).resize((320, 240), 0).convert("CMYK").save(path)
    image = read_image(path)[5::10, 5::10].astype(int)
    assert np.abs(image - quarters).max() < 60


def test_first_frame_of_an_animation(tmp_path, quarters):
    first, second = Image.fromarray(quarters), Image.fromarray(255 - quarters)
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_image(tmp_path / "moving.gif"), quarters)


# Arrays


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [
        (np.uint8, 1),
        (np.int64, 1),
        (np.uint16, 257),
        (">u2", 257),
        (np.float32, 1),
        (np.float32, 1 / 255),
        (np.float64, 1 / 255),
        (np.float16, 1 / 255),
    ],
)
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_arrays_of_every_type(ramp, dtype, factor, channels):
    array = (ramp * np.float64(factor)).astype(dtype)
    if channels:
        array = np.repeat(array[..., None], channels, axis=-1)
    image = from_array(array)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.repeat(ramp[..., None], 3, axis=-1))


def test_usual_arrays_are_not_copied(quarters):
    assert np.shares_memory(from_array(quarters), quarters)
    assert from_array(quarters[:, ::-1]).flags.c_contiguous


def test_boolean_and_rgba_arrays(quarters):
    assert from_array(quarters[..., 0] > 0).max() == 255
    rgba = np.concatenate([quarters / 255, np.zeros((24, 32, 1))], -1)
    assert (from_array(rgba) == 255).all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((20,)), "shape: (20,) is no image"),
        (np.zeros((20, 20, 2)), "shape: (20, 20, 2) is no image"),
        (np.zeros((1, 20, 20, 3)), "is no image"),
        (np.zeros((0, 0, 3)), "size: 0x0 pixels"),
        (np.zeros((20, 7, 3)), "size: 7x20 pixels, a side is below 8"),
        (np.zeros((8, 40_000), np.uint8), "a side is above 32000"),
        (np.broadcast_to(np.uint8(0), (10_001, 10_001, 3)), "more than 100 million"),
        (np.full((9, 9), np.nan), "values: nan to nan"),
        (np.full((9, 9), -3.0), "values: -3 to -3"),
        (np.full((9, 9), 1.5), "values: 1.5 to 1.5"),
        (np.full((9, 9), 300.0), "values: 300 to 300"),
        (np.full((9, 9), 4095, np.int32), "values: 4095 to 4095 as int32"),
        (np.full((9, 9), 1j), "type: complex128"),
        (np.full((9, 9), "x"), "type: <U1"),
    ],
)
def test_unusable_arrays(array, message):
    assert message in error_of(from_array, array)


# Unusable files


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((1, 1), "size: 1x1 pixels, a side is below 8; give a larger image"),
        ((20_000, 20_000), "size: more than 100 million pixels; scale it down"),
        ((12_000, 12_000), "size: 12000x12000 pixels, more than 100 million; scale it down"),
        ((9_700, 9_700), "damaged image"),  # allowed by its header, of which Pillow warns
        ((40_000, 100), "size: 40000x100 pixels, a side is above 32000; scale it down"),
        ((2**31 - 1, 2**31 - 1), "size: more than 100 million pixels"),
    ],
)
def test_sizes_are_refused_by_the_header(tmp_path, size, message, recwarn):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size))
    assert f"bomb.png: {message}" in error_of(read_image, path).replace("file: dam", "dam")
    assert not recwarn.list


def test_compressed_bomb_is_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(15_000, 15_000, data=bytes(10_000_000)))
    assert path.stat().st_size < 20_000
    assert "million" in error_of(read_image, path)


def test_text_bomb_in_a_png(tmp_path):
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000)))
    path = tmp_path / "text.png"
    path.write_bytes(png(16, 16, data=(b"\0" + bytes(48)) * 16, text=text))
    assert "text.png: file: damaged image (Decompressed data too large" in error_of(
        read_image, path
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp", "jp2"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_files(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    message = error_of(read_image, path)
    assert f"cut.{suffix}: file: " in message and "; " in message


@pytest.mark.parametrize("seed", range(20))
def test_scrambled_files_never_fail_otherwise(tmp_path, seed):
    rng = np.random.default_rng(seed)
    suffix = ["png", "jpg", "webp", "tiff", "gif"][seed % 5]
    path = tmp_path / f"scrambled.{suffix}"
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    for position in rng.integers(0, min(len(data), 200), 12):
        data[position] = rng.integers(0, 256)
    path.write_bytes(data)
    try:
        assert read_image(path).shape[-1] == 3
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("content", [b"hello, this is text", b"%!PS-Adobe-3.0\n", bytes(1000)])
def test_what_is_no_image(tmp_path, content):
    path = tmp_path / "note.jpg"
    path.write_bytes(content)
    assert "note.jpg: file: not an image of a known kind; convert it" in error_of(read_image, path)


def test_empty_missing_and_folder(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "empty.jpg: file: is empty" in error_of(read_image, tmp_path / "empty.jpg")
    missing = error_of(read_image, tmp_path / "no.jpg")
    assert missing == f"{tmp_path / 'no.jpg'}: file: No such file or directory; check the path"
    assert "file: is a folder; give an image file" in error_of(read_image, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "is not a regular file" in error_of(read_image, tmp_path / "pipe.png")


def test_no_permission(tmp_path, quarters, monkeypatch):
    path = tmp_path / "secret.png"
    Image.fromarray(quarters).save(path)

    def refuse(self, *_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(path), "open", refuse)  # a chmod would not stop root
    assert "secret.png: file: Permission denied; make it readable" in error_of(read_image, path)


# Listing
