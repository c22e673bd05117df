"""Small videos, made frame by frame."""

from fractions import Fraction

import numpy as np

SIZE = (128, 128)  # height and width
RATE = 25


def frame(number):
    """A red rectangle, 32 x 80, that moves by two pixels a frame."""
    image = np.zeros((*SIZE, 3), np.uint8)
    image[24:104, 10 + 2 * number : 42 + 2 * number] = (255, 0, 0)
    return image


def write(path, frames=20, times=None, sound=None, key_every=5):
    """Writes a video.

    Args:
        path: of the file; its suffix decides the container.
        frames: how many, or the images.
        times: seconds of each; by default 25 frames a second.
        sound: codec of a tone of the same length, if any.
        key_every: frames from one that can be decoded alone to the next.
    """
    import av

    images = [frame(number) for number in range(frames)] if isinstance(frames, int) else frames
    times = [number / RATE for number in range(len(images))] if times is None else times
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=RATE, options={"crf": "10", "bf": "0"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.gop_size = key_every
        video.codec_context.time_base = Fraction(1, 1000)
        if sound:
            track = file.add_stream(sound, rate=8000)
            track.codec_context.layout = "mono"
        for image, time in zip(images, times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, "rgb24")
            picture.pts, picture.time_base = round(1000 * time), Fraction(1, 1000)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        if sound:
            count = round(8000 * (times[-1] + 1 / RATE))
            tone = (8000 * np.sin(np.arange(count) * 0.3)).astype(np.int16)
            for start in range(0, count, 1000):
                part = av.AudioFrame.from_ndarray(tone[None, start : start + 1000], "s16", "mono")
                part.sample_rate, part.pts = 8000, start
                part.time_base = Fraction(1, 8000)
                file.mux(track.encode(part))
            file.mux(track.encode(None))
    return path


def turn(path, degrees):
    """Writes a rotation into the header of an MP4 file, by the layout of ISO 14496-12, 8.3.2."""
    turns = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = (value << 16 for value in turns[degrees])
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16  # of version 0, its matrix
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(content[:place] + matrix + content[place + 36 :])


def read(path):
    """(times of the frames, images, kinds of tracks, seconds of sound)."""
    import av

    with av.open(str(path)) as file:
        kinds = [stream.type for stream in file.streams]
        times, images, seconds = [], [], 0.0
        for packet in file.demux():
            for part in packet.decode():
                if packet.stream.type == "video":
                    times.append(float(part.time))
                    images.append(part.to_ndarray(format="rgb24"))
                else:
                    seconds += part.samples / part.sample_rate
    return times, images, kinds, seconds
