"""A local server of one file that behaves as badly as it is told to."""

import hashlib
import http.server
import threading
import time
from contextlib import contextmanager

import numpy as np

CONTENT = np.random.default_rng(7).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT under /file, with ranges; what else it does is set by its attributes.

    Attributes:
        cuts: each request takes one: the number of bytes after which the connection is cut.
        ranges: whether it knows them.
        asked: the Range header of each request.
        body: what it serves.
        headers: replaced in its answers; None leaves one out.
        leads_to: the address that /moved redirects to.
        pause: seconds before every 10,000 bytes.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cuts, self.ranges, self.asked = [], True, []
        self.body, self.headers, self.leads_to, self.pause = CONTENT, {}, None, 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file"

    def handle_error(self, request, client_address):
        pass  # clients go away


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", server.leads_to)
            return self.end_headers()
        if self.path != "/file":
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if not server.ranges:
            start = 0
        elif start and start >= len(server.body):
            return self.send_error(416)
        body = server.body[start:]
        self.send_response(206 if start else 200)
        for name, value in ({"Content-Length": str(len(body))} | server.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        body = body[: server.cuts.pop(0) if server.cuts else None]
        for begin in range(0, len(body), 10_000) if server.pause else ():
            time.sleep(server.pause)
            self.wfile.write(body[begin : begin + 10_000])
        if not server.pause:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def running():
    """A ``Server`` that answers."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
