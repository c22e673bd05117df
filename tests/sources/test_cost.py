"""What reading an image may cost: every way in has the same guards and limits."""

import functools
import io
import os
import re
import resource
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from multiposenet import sources
from multiposenet.errors import InputError
from multiposenet.sources import Limits, frames, image_size, read_header, read_image, read_labels

READERS = [read_image, read_labels, image_size, read_header]
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"


def error_of(read, *arguments):
    with pytest.raises(InputError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message and message.count(": ") >= 2 and "; " in message, message
    return message


@functools.cache
def encoded(kind, size, **options):
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, kind, **options)
    return stream.getvalue()


def claiming(kind, size, **options):
    """A file of 16 x 16 pixels whose header claims another size."""
    content, (width, height) = encoded(kind, (16, 16), **options), size
    if kind == "JPEG":
        place = re.search(b"\xff[\xc0\xc2]", content).start() + 5
        new = struct.pack(">HH", height, width)
    elif kind == "WEBP":  # lossless: 14 bits each, less one
        place = content.index(b"VP8L") + 9
        new = struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:  # JP2 boxes, then the code stream
        place = content.index(b"ihdr") + 4
        content = content[:place] + struct.pack(">II", height, width) + content[place + 8 :]
        place = content.index(b"\xff\x4f\xff\x51") + 8
        new = struct.pack(">II", width, height)
    return content[:place] + new + content[place + len(new) :]


def of_many_scans(jpeg, scans):
    """A progressive JPEG with its last scan repeated."""
    start = [match.start() for match in re.finditer(b"\xff\xda", jpeg)]
    return jpeg[:-2] + jpeg[start[-1] : -2] * (scans - len(start)) + b"\xff\xd9"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.eps"])
@pytest.mark.parametrize(
    "content",
    [POSTSCRIPT, encoded("ICO", (16, 16)), encoded("TGA", (16, 16)), encoded("PDF", (16, 16))],
    ids=["eps", "ico", "tga", "pdf"],
)
def test_formats_that_are_not_listed(tmp_path, read, name, content):
    """Told by content: Pillow would run Ghostscript for the first, whatever its name."""
    (tmp_path / name).write_bytes(content)
    assert "not an image of a known kind" in error_of(read, tmp_path / name)


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_regular_file(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        assert "is not a regular file" in error_of(read, path)
    assert "is a folder" in error_of(read, tmp_path)
    (tmp_path / "empty.png").touch()
    assert "is empty" in error_of(read, tmp_path / "empty.png")
    assert "check the path" in error_of(read, f"{tmp_path}/a\0b.png")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("kind", "size", "told"),
    [
        ("WEBP", (16_000, 6_200), "as WEBP, decoding takes 1.6 GiB"),
        ("JPEG2000", (9_000, 9_000), "as JPEG2000, decoding takes 1.5 GiB"),
        ("JPEG", (12_000, 12_000), "more than 100 million"),
        ("PNG", (40_000, 16), "a side is above 32000"),
    ],
)
def test_bombs(tmp_path, read, kind, size, told):
    path = tmp_path / "bomb.png"
    options = {"lossless": True} if kind == "WEBP" else {}
    make = encoded if kind == "PNG" else claiming
    path.write_bytes(make(kind, size, **options))
    assert told in error_of(read, path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's peak memory")
@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG", "JPEG2000"])
def test_memory_is_as_estimated(tmp_path, kind):
    """The estimate that the limit is compared with is above what a process is seen to take."""
    path = tmp_path / "a"
    path.write_bytes(encoded(kind, (4000, 3000)))
    program = f"""
import resource
from PIL import Image
from multiposenet.sources import read_image
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert read_image({str(path)!r}).shape == (3000, 4000, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    taken = int(subprocess.check_output([sys.executable, "-c", program])) * 1024
    assert taken < {"WEBP": 17, "JPEG2000": 20}.get(kind, 10) * 12e6 + 8e6


@pytest.mark.parametrize("read", READERS)
def test_many_scans(tmp_path, read):
    path = tmp_path / "slow.jpg"
    path.write_bytes(of_many_scans(encoded("JPEG", (2000, 1500), progressive=True), 40))
    assert read_image(path).shape == (1500, 2000, 3)
    path.write_bytes(of_many_scans(encoded("JPEG", (640, 480), progressive=True), 400))
    assert "coded in 400 scans; save it anew" in error_of(read, path)
    path.write_bytes(of_many_scans(claiming("JPEG", (8000, 8000), progressive=True), 40))
    assert "64 million pixels are coded in 40 scans" in error_of(read, path)


def test_usual_progressive_photos_are_read_at_any_size(tmp_path):
    (tmp_path / "a.jpg").write_bytes(claiming("JPEG", (11_000, 9_000), progressive=True))
    assert image_size(tmp_path / "a.jpg") == (9_000, 11_000)


def test_refusing_costs_nothing(tmp_path):
    (tmp_path / "slow.jpg").write_bytes(
        of_many_scans(claiming("JPEG", (5000, 5000), progressive=True), 20_000)
    )
    (tmp_path / "large.webp").write_bytes(claiming("WEBP", (16_000, 6_200), lossless=True))
    before = resource.getrusage(resource.RUSAGE_SELF)
    for name in ("slow.jpg", "large.webp"):
        for read in READERS:
            error_of(read, tmp_path / name)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 1
    assert after.ru_maxrss - before.ru_maxrss < 100_000


def test_limits_are_arguments(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG", (300, 200)))
    for limits, told in [
        (Limits(side=299), "a side is above 299"),
        (Limits(pixels=50_000), "more than 0.05 million"),
        (Limits(memory=500_000), "decoding takes 0.0 GiB"),
    ]:
        for read in (read_image, read_labels, read_header):
            assert told in error_of(read, path, limits)
        (found,) = frames(path, limits)
        assert told in str(found)
    (found,) = frames(np.zeros((200, 300, 3), np.uint8), Limits(side=299))
    assert "a side is above 299" in str(found)
    Image.new("RGB", (16, 16)).save(tmp_path / "small.jpg", progressive=True)
    assert "scans" in error_of(read_image, tmp_path / "small.jpg", Limits(scans=3))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff", "jpg", "webp"])
def test_headers(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    header = read_header(path)
    assert (header.stored, header.orientation) == ((20, 30), orientation)
    assert header.upright == read_image(path).shape[:2] == image_size(path)


def test_a_picture_that_cannot_be_decoded_is_one_item(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with Image.open(tmp_path / "a.png") as picture:
        broken, whole = sources.frames([picture, noise])
    assert "array 0: file: damaged image" in str(broken)
    assert whole.name == "array 1"
