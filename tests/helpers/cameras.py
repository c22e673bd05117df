"""Cameras and streams for tests: OpenCV's class without a device, and a server of RTSP."""

import base64
import contextlib
import socket
import struct
import threading

import clips
import numpy as np


class Camera:
    """In place of `cv2.VideoCapture`: gives the frames of `clips`, and is then unplugged.

    Attributes:
        there: whether the computer has one.
        frames: how many it gives.
        opened, released: numbers of cameras.
    """

    there, frames = True, 4

    def __init__(self, number=None):
        self._number, self._next = number, 0
        self.opened.append(number)

    def isOpened(self):
        return self.there

    def read(self):
        if self._next >= self.frames:
            return False, None
        self._next += 1
        return True, np.ascontiguousarray(clips.frame(self._next - 1)[..., ::-1])

    def release(self):
        self.released.append(self._number)


def plugged_in(monkeypatch, **about):
    """Makes `Camera` the class of OpenCV for a test; `about` are its attributes."""
    import cv2

    changed = type("Camera", (Camera,), {"opened": [], "released": [], **about})
    monkeypatch.setattr(cv2, "VideoCapture", changed)
    return changed


@contextlib.contextmanager
def rtsp(count, ticks=1000):
    """The address of a camera that sends frames of `clips` to one client, over TCP.

    Args:
        count: how many.
        ticks: of the first one's time. Of 0 FFmpeg takes the time of the next one for it, too.
    """
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(server, _units(count), ticks), daemon=True)
    thread.start()
    try:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/door"
    finally:
        server.close()
        thread.join(5)


def _units(count):
    """The H.264 units of each frame."""
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = clips.SIZE
    encoder.pix_fmt, encoder.options = "yuv420p", {"crf": "10", "bf": "0", "preset": "ultrafast"}
    encoder.framerate = clips.RATE
    frames = [av.VideoFrame.from_ndarray(clips.frame(n), "rgb24") for n in range(count)]
    packets = [packet for frame in [*frames, None] for packet in encoder.encode(frame)]
    return [
        [unit.rstrip(b"\0") for unit in bytes(packet).split(b"\0\0\1")[1:]] for packet in packets
    ]


def _serve(server, frames, ticks):
    """RFC 2326, as far as a player needs it; the pictures by RFC 6184, a unit a packet."""
    with contextlib.suppress(OSError), server.accept()[0] as client, client.makefile("rb") as lines:
        sets = [unit for unit in frames[0] if unit[0] & 31 in (7, 8)]
        sets = ",".join(base64.b64encode(unit).decode() for unit in sets)
        session = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            "a=rtpmap:96 H264/90000\r\na=control:pictures\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
        )
        while request := lines.readline().split():
            headers = {}
            while line := lines.readline().strip():
                name, _, value = line.partition(b": ")
                headers[name.lower()] = value.decode()
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers[b'cseq']}\r\nSession: 1\r\n"
            if request[0] == b"OPTIONS":
                answer += "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            if request[0] == b"SETUP":
                answer += f"Transport: {headers[b'transport']}\r\n"
            if request[0] == b"DESCRIBE":
                answer += f"Content-Type: application/sdp\r\nContent-Length: {len(session)}\r\n"
            client.sendall((answer + "\r\n").encode())
            if request[0] == b"DESCRIBE":
                client.sendall(session.encode())
            if request[0] == b"PLAY":
                _send(client, frames, ticks)
                return


def _send(client, frames, ticks):
    sequence = 0
    for number, units in enumerate(frames):
        for unit in units:
            last = 0x80 if unit is units[-1] else 0
            time = ticks + number * 90_000 // clips.RATE
            packet = struct.pack(">BBHII", 0x80, last | 96, sequence, time, 7) + unit
            client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            sequence += 1
