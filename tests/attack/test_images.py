"""Damaged image files, by every way in."""

import functools
import io

import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from multiposenet import sources

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (24, 40, 3), np.uint8)
WAYS = [sources.read_image, sources.read_labels, sources.read_person_mask, sources.image_size]
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
KINDS = [
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "L", {"exif": TURNED}),
    *(("PNG", mode, {}) for mode in ("RGBA", "P", "L", "I;16", "1")),
    ("GIF", "P", {}),
    ("BMP", "RGB", {}),
    ("PPM", "RGB", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "F", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("JPEG2000", "RGB", {}),
    *([("AVIF", "RGB", {})] if features.check("avif") else []),
]


@functools.cache
def originals():
    found = []
    for kind, mode, options in KINDS:
        image = Image.fromarray(COLOURS)
        if mode == "I;16":
            image = Image.fromarray(COLOURS[..., 0].astype(np.uint16) * 257)
        else:
            image = image.convert(mode)
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        found.append(stream.getvalue())
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("images") / "photo"


@given(damaged_bytes(originals()), st.sampled_from(WAYS))
def test_a_damaged_image_is_an_image_or_an_error(path, content, read):
    path.write_bytes(content)
    found = answer(read, path)
    if is_error(found):
        assert str(found).startswith(f"{path}: ")
        return
    if read is sources.image_size:
        assert min(found) > 0
        return
    assert found.dtype == np.uint8 and found.ndim == (3 if read is sources.read_image else 2)
    if read is sources.read_person_mask:
        assert found.max() <= 2
    elif read is sources.read_image:
        assert found.shape[2] == 3
        assert found.shape[:2] == answer(sources.read_header, path).upright
        np.testing.assert_array_equal(found, answer(read, path))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
@given(st.data())
def test_an_image_is_what_was_written(path, kind, data):
    """Whole files without loss, of any small size: the oracle is the array itself."""
    height, width = data.draw(st.integers(8, 40)), data.draw(st.integers(8, 40))
    seed = data.draw(st.integers(0, 2**32 - 1))
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    path.write_bytes(stream.getvalue())
    np.testing.assert_array_equal(answer(sources.read_image, path), pixels)
    assert answer(sources.image_size, path) == (height, width)


@given(st.binary(max_size=300), st.sampled_from(WAYS))
def test_noise_is_no_image(path, content, read):
    path.write_bytes(content)
    answer(read, path)
