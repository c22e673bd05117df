"""A page that shows images as they come: one of HTML and an endless answer of JPEG images.

Motion JPEG (`multipart/x-mixed-replace`) is what every browser plays without a script.
"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from multiposenet.errors import InputError

_QUALITY = 85  # of JPEG
_BOUNDARY = "frame"
_WAIT = 1.0  # seconds after which a stream looks whether the page has ended
_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>multiposenet live</title>
<style>body{margin:0;background:#111}img{display:block;width:100vw;height:100vh;
object-fit:contain}</style>
<img src="/stream" alt="the camera, with the people in it drawn">
</html>
"""


class StreamPage:
    """The newest image for everybody who looks at the page."""

    def __init__(self):
        self._there, self._image, self._number = threading.Condition(), None, 0
        self.ended = False

    def show(self, image: np.ndarray) -> bool:
        """Shows an image from now on.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            True: the page stays until it is ended.
        """
        options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        _, encoded = cv2.imencode(".jpg", image[..., ::-1], options)
        with self._there:
            self._image, self._number = encoded.tobytes(), self._number + 1
            self._there.notify_all()
        return True

    def end(self) -> None:
        """Nothing more comes."""
        with self._there:
            self.ended = True
            self._there.notify_all()

    def images(self) -> Iterator[bytes]:
        """The newest image, encoded, whenever there is another."""
        seen = 0
        while not self.ended:
            with self._there:
                self._there.wait_for(lambda seen=seen: self._number > seen or self.ended, _WAIT)
                image, number = self._image, self._number
            if number > seen and not self.ended:
                seen = number
                yield image


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/":
            self._head("text/html", len(_PAGE))
            self.wfile.write(_PAGE)
        elif self.path == "/stream":
            self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            try:
                for image in self.server.page.images():
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    self.wfile.write(f"{head}Content-Length: {len(image)}\r\n\r\n".encode())
                    self.wfile.write(image + b"\r\n")
            except OSError:  # somebody looks no longer
                pass
        else:
            self.send_error(404)

    def _head(self, kind, length=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *args):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # somebody looks no longer


@contextmanager
def serving(host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[StreamPage, str]]:
    """Serves a page within the block.

    Args:
        host: address to listen on.
        port: to listen on; 0 takes one that is free.

    Yields:
        The `StreamPage` and its address.

    Raises:
        InputError: the address cannot be used.
    """
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise InputError(
            f"{host}:{port}: address: {error.strerror or error}; give another --port or --host"
        ) from error
    server.page = StreamPage()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.page, f"http://{host}:{server.server_port}"
    finally:
        server.page.end()
        server.shutdown()
        server.server_close()
