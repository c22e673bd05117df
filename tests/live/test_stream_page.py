"""The page's stream is JPEG images, the newest for everybody."""

import io
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.live import stream_page


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def read_image(stream):
    """The next image of an open stream."""
    while not (line := stream.readline()).lower().startswith(b"content-length:"):
        assert line
    stream.readline()
    return np.asarray(Image.open(io.BytesIO(stream.read(int(line.split(b":")[1])))))


def grey(value):
    return np.full((16, 24, 3), value, np.uint8)


def test_a_page_and_its_stream():
    with stream_page.serving() as (page, url):
        with urllib.request.urlopen(url + "/") as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"] == "text/html" and "/stream" in text
            assert "http" not in text  # nothing from elsewhere
        page.show(grey(10))
        page.show(grey(100))
        with urllib.request.urlopen(f"{url}/stream") as stream:
            assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
            image = read_image(stream)
            assert image.shape == (16, 24, 3) and abs(int(image.mean()) - 100) < 3
            threading.Timer(0.05, page.show, [grey(200)]).start()
            assert abs(int(read_image(stream).mean()) - 200) < 3
        for path in ("/other", "/../../etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url + path)


def test_the_end_of_the_page_ends_its_streams():
    with stream_page.serving() as (page, url):
        page.show(grey(10))
        stream = urllib.request.urlopen(f"{url}/stream")
        read_image(stream)
    assert stream.read().strip() == b""
    stream.close()


def test_a_port_that_is_taken():
    with stream_page.serving() as (_, url):
        port = int(url.rpartition(":")[2])
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: address: .*; give another --port"):
            with stream_page.serving(port=port):
                pass
