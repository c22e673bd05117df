"""Encoded images from memory, open files and the web."""

import io

import numpy as np
import pytest
from coloured_images import error_of
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.sources import encoded, frames, is_single


@pytest.fixture
def png(quarters):
    stream = io.BytesIO()
    Image.fromarray(quarters).save(stream, "PNG")
    return stream.getvalue()


def read(source):
    return encoded.read(source, "it")


def test_bytes_streams_and_open_files(tmp_path, quarters, png):
    (tmp_path / "a.png").write_bytes(png)
    with open(tmp_path / "a.png", "rb") as file:
        for source in (png, io.BytesIO(png), file):
            np.testing.assert_array_equal(read(source), quarters)
            assert is_single(source)
        file.seek(0)
        found = list(frames([png, io.BytesIO(png), file]))
    assert [frame.name for frame in found] == ["array 0", "array 1", str(tmp_path / "a.png")]
    assert [frame.origin["source"] for frame in found] == [None] * 3
    assert found[0].origin["image"] is found[0].image


def test_what_cannot_be_read(tmp_path, png, monkeypatch):
    closed = io.BytesIO(png)
    closed.close()
    assert "it: file: I/O operation on closed file" in error_of(read, closed)
    assert "gives no bytes; open it in binary mode" in error_of(read, io.StringIO("text"))
    assert "is empty; an open file is read from where it stands" in error_of(read, b"")
    assert "not an image of a known kind" in error_of(read, b"text")
    assert "damaged image" in error_of(read, png[:60])
    monkeypatch.setattr(encoded, "MOST", len(png) - 1)
    for source in (png, io.BytesIO(png)):
        assert "size: more than 0 MiB" in error_of(read, source)


def test_from_the_web(server, quarters, png, monkeypatch):
    server.body = png
    (frame,) = frames(server.url)
    np.testing.assert_array_equal(frame.image, quarters)
    assert frame.name == frame.origin["source"] == server.url and is_single(server.url)
    missing, again = frames([server.url + "s", server.url])
    assert isinstance(missing, InputError) and "url: answers 404" in str(missing)
    assert again.name == server.url
    monkeypatch.setattr(encoded, "MOST", len(png) - 1)
    assert "cannot be fetched (serves more than" in error_of(read, server.url)
    server.body = b"<html>"
    assert "not an image of a known kind" in error_of(read, server.url)


def test_a_slow_or_broken_server_is_given_up(server, png, monkeypatch):
    server.body = png * 1000
    monkeypatch.setattr(encoded, "SECONDS", 0.2)
    server.pause = 0.05
    assert "takes more than 0.2 seconds" in error_of(read, server.url)
    server.pause = 0
    server.headers = {"Content-Length": str(len(server.body) + 5)}
    assert "cannot be fetched" in error_of(read, server.url)
    server.leads_to = "file:///etc/passwd"
    assert "file:///etc/passwd' is not allowed" in error_of(
        read, server.url.replace("file", "moved")
    )
