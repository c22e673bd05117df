"""Drawn videos: H.264 in an MP4 file, with the time stamps and the sound of their source."""

import os
from fractions import Fraction

import cv2
import numpy as np

from multiposenet.errors import InputError

_TICKS = 90_000  # a second, the unit of time stamps: that of broadcast video
# A third of the time of `veryfast` for as good a picture in a file that is 40 % larger: the network
# needs the processors more. Without deblocking this preset shows squares.
_QUALITY = {"crf": "22", "preset": "ultrafast", "x264-params": "deblock=0,0:subme=1"}
_BT601 = 5  # the matrix of OpenCV's YUV; of a video without a tag players guess by its size
_VIDEO_RANGE = 1  # 16 to 235
_COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus")  # what players know in an MP4 file


class VideoWriter:
    """Writes a video, which can be played from `close` on, whenever that comes.

    Args:
        path: the file, which is replaced.
        rate: frames a second on average, for players that ask; time stamps say what holds.
        sound: a video whose sound is kept, or None.
        start: seconds of that video at which this one begins.

    Raises:
        InputError: PyAV is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        rate: float | None = None,
        sound: str | os.PathLike | None = None,
        start: float = 0.0,
    ):
        try:
            import av
        except ImportError as error:
            raise InputError(
                f"{path}: video: PyAV is not installed; pip install multiposenet[video]"
            ) from error
        self._start, self._last, self._size = start, -1, None
        self._file = av.open(os.fspath(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = Fraction(rate or 25).limit_denominator(1001)
        self._video = self._file.add_stream("libx264", rate=rate, options=_QUALITY)
        self._video.pix_fmt = "yuv420p"  # what browsers play
        self._video.codec_context.time_base = Fraction(1, _TICKS)
        self._video.codec_context.colorspace = _BT601
        self._video.codec_context.color_range = _VIDEO_RANGE
        self._sound = _Sound(self._file, sound, start) if sound is not None else None

    def write(self, image: np.ndarray, time: float) -> None:
        """Adds a frame.

        Args:
            image: (H, W, 3) uint8 RGB; of another size than the first one it is scaled. H.264 has
                even sides: an odd one loses a row or column of pixels.
            time: its time stamp in seconds, greater than the last one's.
        """
        import av

        height, width = (side // 2 * 2 for side in image.shape[:2])
        if self._size is None:
            self._size = self._video.width, self._video.height = width, height
        image = np.ascontiguousarray(image[:height, :width])
        if self._size != (width, height):
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        image = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)  # several times as fast as FFmpeg
        frame = av.VideoFrame.from_ndarray(image, "yuv420p")
        frame.colorspace, frame.color_range = _BT601, _VIDEO_RANGE
        self._last = max(self._last + 1, round((time - self._start) * _TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._file.mux(self._video.encode(frame))
        if self._sound:
            self._sound.write_until(time)

    def close(self) -> None:
        """Completes the file."""
        if self._size is not None:
            self._file.mux(self._video.encode(None))
        if self._sound:
            self._sound.close()
        self._file.close()


class _Sound:
    """The sound track of a video, copied or, if an MP4 file may not have it, encoded anew."""

    def __init__(self, file, path, start: float):
        import av

        self._file, self._start = file, start
        self._input = av.open(os.fspath(path))
        self._track = next(iter(self._input.streams.audio), None)
        self._waiting, self._end = None, -np.inf
        if self._track is None:
            self._packets = iter(())
        elif self._track.codec_context.name in _COPIED:
            self._stream = file.add_stream_from_template(self._track)
            self._packets = self._copied()
        else:
            self._stream = file.add_stream("aac", rate=self._track.rate)
            self._packets = self._encoded()

    def write_until(self, time: float) -> None:
        """Writes what sounds up to a time, so that the file has both tracks side by side."""
        while self._end <= time:
            if self._waiting is not None:
                self._file.mux(self._waiting)
            self._end, self._waiting = next(self._packets, (np.inf, None))

    def close(self) -> None:
        """Completes the track up to the last picture."""
        self._input.close()

    def _demuxed(self):
        """Packets from the start on, with their times."""
        import av

        base = self._track.time_base
        if self._start:
            self._input.seek(int(self._start / base), stream=self._track)
        packets = self._input.demux(self._track)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError):  # the pictures tell what is damaged
                return
            if packet.pts is not None and packet.pts * base >= self._start:
                yield float(packet.pts * base), packet

    def _copied(self):
        shift = round(self._start / self._track.time_base)
        for time, packet in self._demuxed():
            packet.pts -= shift
            packet.dts = packet.pts  # sound comes in order
            packet.stream = self._stream
            yield time, packet

    def _encoded(self):
        import av

        time = self._start
        for time, packet in self._demuxed():
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in decoded:
                frame.pts -= round(self._start / frame.time_base)
                yield time, self._stream.encode(frame)  # which resamples as AAC needs it
        yield time, self._stream.encode(None)
