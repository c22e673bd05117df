"""Videos, decoded one frame after the other by FFmpeg through PyAV (the extra `video`).

Cameras, streams of the network and numbered images are videos, too. A damaged frame is an
`InputError` in its place, and the frames behind it are still read; a file that ends early gives
what it has, and then an error.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multiposenet.errors import InputError
from multiposenet.sources import sequence
from multiposenet.sources.image_files import image_size, reason
from multiposenet.sources.pixels import Limits

SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .ogv".split()
)
STREAMS = ("rtsp://", "rtsps://", "rtmp://", "srt://", "udp://")
# What FFmpeg may read a file as: a playlist, for example, would have it open other files.
_FILES = {
    "format_whitelist": "mov,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg",
    "protocol_whitelist": "file",
}
_SLACK = 0.5  # seconds that the last frame may lie before the announced end
_LEAST = 1e-3  # seconds from a frame to the next, of streams that give two of them the same time
_WAIT = 20.0  # seconds for a stream of the network to open, and between its packets


@dataclass(frozen=True)
class Cut:
    """Which frames of a video are wanted.

    Attributes:
        every: one of so many frames.
        start: seconds from its beginning.
        end: seconds from its beginning; None for all.

    Raises:
        ValueError: a value is out of range.
    """

    every: int = 1
    start: float = 0.0
    end: float | None = None

    def __post_init__(self):
        if self.every < 1 or self.every != int(self.every):
            raise ValueError(f"every: {self.every}; give a whole number from 1 on")
        if not self.start >= 0:
            raise ValueError(f"start: {self.start}; give seconds from 0 on")
        if self.end is not None and not self.end > self.start:
            raise ValueError(f"end: {self.end}; give more seconds than start, {self.start:g}")


def is_video(source) -> bool:
    """Whether a source is a video file or numbered images by its name, a stream, or a camera."""
    if is_live(source) or sequence.is_sequence(source):
        return True
    return isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() in SUFFIXES


def is_live(source) -> bool:
    """Whether a video has no end of its own: a camera or a stream of the network."""
    if isinstance(source, str):
        return source.lower().startswith(STREAMS)
    return isinstance(source, int) and not isinstance(source, bool)


def read(source, cut: Cut, limits: Limits) -> Iterator[tuple[np.ndarray, int, float] | InputError]:
    """Decodes a video, holding one frame.

    Args:
        source: a file, a pattern of numbered images, the address of a stream, or the number of a
            camera.
        cut: which frames.
        limits: what each may cost.

    Yields:
        (H, W, 3) uint8 RGB, turned as the file says; the frame's number, counted from 0 at
        `start`; and its time stamp in seconds from the beginning of the video. Or an `InputError`
        for what is damaged.
    """
    if isinstance(source, int):
        found = _camera(source)
    elif sequence.is_sequence(source):
        found = sequence.read(source, cut.start, limits)
    else:
        found = _decoded(source, cut, limits)
    number = 0
    for item in found:
        if isinstance(item, InputError):
            yield item
            continue
        image, at = item
        if cut.end is not None and at >= cut.end:
            return
        if number % cut.every == 0:
            try:
                yield image(), number, at
            except InputError as error:
                yield error
        number += 1


@dataclass(frozen=True)
class About:
    """What a video says of itself, as far as it is known.

    Attributes:
        size: (height, width), upright.
        frames: how many there are.
        seconds: its length.
        rate: frames a second on average.
        has_sound: whether there is a sound track.
    """

    size: tuple[int, int]
    frames: int | None
    seconds: float | None
    rate: float | None
    has_sound: bool


def about(path: str | os.PathLike) -> About:
    """Reads the header of a video file, or of the first of numbered images.

    Raises:
        InputError: it cannot be read, or has no pictures.
    """
    if sequence.is_sequence(path):
        files = sequence.numbered(path)
        seconds = (files[-1][0] - files[0][0] + 1) / sequence.RATE
        return About(image_size(files[0][1]), len(files), seconds, sequence.RATE, False)
    with _opened(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise InputError(f"{path}: file: has no frame that can be decoded; save it again")
        height, width = _upright(frame)().shape[:2]
        seconds = _seconds(container, stream)
        rate = float(stream.average_rate) if stream.average_rate else None
        count = stream.frames or (round(seconds * rate) if seconds and rate else None)
        return About((height, width), count, seconds, rate, bool(container.streams.audio))


def _decoded(source, cut: Cut, limits: Limits):
    """A function that gives the image, and the time, of each frame from the start on."""
    import av

    with _opened(source) as (container, stream):
        limits.check(stream.codec_context.width, stream.codec_context.height, str(source))
        # Frames decoded side by side would be faster, but errors would come at other ones.
        stream.thread_type = "SLICE"
        first = float(stream.start_time * stream.time_base) if stream.start_time else 0.0
        step = 1 / float(stream.average_rate) if stream.average_rate else 0.0
        if cut.start and not is_live(source):
            container.seek(int((first + cut.start) / stream.time_base), stream=stream)
        seen, last, at_end = 0, -step, False
        for packet in _packets(container, stream, source):
            if isinstance(packet, InputError):
                yield packet
                return
            try:
                if packet.is_corrupt:  # of a stream that misses a part
                    raise av.error.InvalidDataError(1, "a part is missing")
                frames = packet.decode()
            except av.error.FFmpegError as error:
                at = last + step if packet.pts is None else _time(packet, first)
                if cut.start <= at and (cut.end is None or at < cut.end):
                    yield _damage(source, at, reason(error))
                continue
            for frame in frames:
                at = last + step if frame.time is None else frame.time - first
                at = max(at, last + _LEAST) if seen else at
                seen, last = seen + 1, at
                if at < cut.start - 1e-6:
                    continue
                if cut.end is not None and at >= cut.end:
                    at_end = True
                if frame.is_corrupt:
                    yield _damage(source, at, "as the decoder says")
                elif error := _beyond(limits, frame, source):
                    yield error
                else:
                    yield _upright(frame), at
            if at_end:
                return
        seconds = _seconds(container, stream)
        if (
            seconds
            and not is_live(source)
            and last + step < min(seconds, cut.end or seconds) - _SLACK
        ):
            yield InputError(
                f"{source}: file: ends at {last + step:.2f} s of {seconds:.2f}; what is there was "
                "read, save or download it again"
            )


def _beyond(limits: Limits, frame, source) -> InputError | None:
    """What is wrong with the size of a frame, which may change within a video."""
    try:
        limits.check(frame.width, frame.height, str(source))
        return None
    except InputError as error:
        return error


def _time(packet, first: float) -> float:
    return float(packet.pts * packet.time_base) - first


def _damage(source, at: float, why: str) -> InputError:
    return InputError(
        f"{source}: frame: damaged at {max(0.0, at):.2f} s ({why}); it is left out, and those up "
        "to the next key frame may show traces of it"
    )


def _packets(container, stream, source):
    """The packets, and then what ended them if it was no end."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            yield InputError(
                f"{source}: {_kind(source)}: breaks off ({reason(error)}); what was there was read"
            )
            return
        yield packet


@contextmanager
def _opened(source):
    """The container and its first stream of pictures."""
    try:
        import av
    except ImportError as error:
        raise InputError(
            f"{source}: video: PyAV is not installed; pip install multiposenet[video]"
        ) from error
    live = is_live(source)
    # FFmpeg would take other names for programs, playlists and protocols.
    path = os.path.expanduser(source)
    name = str(source) if live else f"file:{path}"
    options = {"rtsp_transport": "tcp"} if live else _FILES
    if not live and os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{source}: file: is not a regular file; give a video file")
    try:
        container = av.open(name, options=options, timeout=(_WAIT, _WAIT) if live else None)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        remedy = (
            "check that it is sent, and its address" if live else "give one that FFmpeg can read"
        )
        raise InputError(f"{source}: {_kind(source)}: {reason(error)}; {remedy}") from error
    with container:
        if not container.streams.video:
            raise InputError(f"{source}: {_kind(source)}: has no pictures; give a video")
        yield container, container.streams.video[0]


def _kind(source) -> str:
    return "stream" if is_live(source) else "file"


def _seconds(container, stream) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _upright(frame):
    """A function that gives the image: what is skipped is not converted."""

    def image() -> np.ndarray:
        array = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(array, round(frame.rotation / 90)))

    return image


def _camera(number: int):
    """The frames of a camera as they come, with the seconds since the first."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error says it
    try:
        camera = cv2.VideoCapture(number)
    except (cv2.error, OverflowError):  # no number of a camera is as large
        camera = cv2.VideoCapture()
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not camera.isOpened():
            raise InputError(
                f"{number}: camera: there is none, or another program has it; connect one, or give "
                "the number of another"
            )
        begin = time.monotonic()
        while True:
            there, frame = camera.read()
            if not there:
                yield InputError(f"{number}: camera: gives no more frames; connect it again")
                return
            at = time.monotonic() - begin
            yield (lambda frame=frame: np.ascontiguousarray(frame[..., ::-1])), at
    finally:
        camera.release()
