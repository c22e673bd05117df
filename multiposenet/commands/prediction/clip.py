"""Videos in `predict`: DIR/<name>.jsonl, a line for each frame, and DIR/<name>.mp4, drawn."""

import contextlib
import functools
import json
from dataclasses import dataclass

from multiposenet import overlapped
from multiposenet.commands import console
from multiposenet.commands.prediction.folder import Photo
from multiposenet.errors import InputError
from multiposenet.files import writing

_DRAWERS = 2  # threads


@dataclass(frozen=True)
class Clip:
    """A video and its two files.

    Attributes:
        source: as of `sources.video`.
        lines: the file of the results.
        picture: the drawn video, or None.
    """

    source: object
    lines: Photo
    picture: Photo | None

    def parts(self) -> list[Photo]:
        """The files, as the record of the folder knows them."""
        return [self.lines, *([self.picture] if self.picture else [])]


@dataclass
class Done:
    """What came of a video: numbers of frames, people and errors."""

    frames: int = 0
    people: int = 0
    failures: int = 0


def predict_clip(pose, clip: Clip, args, out, draw, reading: dict) -> Done:
    """Goes through one video; whatever ends it, what is done is there and can be played.

    Args:
        pose: the system.
        clip: the video.
        args: those of `predict`.
        out: the `PredictionFolder`.
        draw: function of a frame and its poses that returns the drawing.
        reading: which frames, as for `System.stream`.

    Raises:
        InputError: the video cannot be opened, or a file of somebody else is in the way.
        KeyboardInterrupt: it was asked for; the files are complete up to there.
    """
    done, stopped, error = Done(), None, None
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(writing.atomic_write(out.claim(clip.lines)))
        lines = stack.enter_context(lines.open("w", encoding="utf-8"))
        video = _Video(stack, out, clip, reading["start"]) if clip.picture else None
        try:
            with contextlib.ExitStack() as stages:

                def stage(items):
                    return stages.enter_context(contextlib.closing(items))

                found = stage(pose.stream(clip.source, **reading))
                found = console.progress(found, _count(clip.source, reading), str(clip.source))
                work = functools.partial(_drawn, draw if video else None)
                found = stage(overlapped.mapped(work, found, _DRAWERS, waiting=3))
                store = functools.partial(_stored, lines, video)
                for people in stage(overlapped.mapped(store, found, waiting=2)):
                    if error:  # the last one is told below, once
                        console.report(error)
                        error = None
                    if isinstance(people, InputError):
                        error = people
                        done.failures += 1
                        continue
                    done.frames += 1
                    done.people += people
        except KeyboardInterrupt as interrupt:
            stopped = interrupt
        if not done.frames:
            nothing = InputError(f"{clip.source}: file: has no frame from --start to --end")
            raise stopped or error or nothing
        if error:
            console.report(error)
        if video:
            video.close()
    for part in clip.parts():
        out.add(part, [])
    if stopped:
        made = " and ".join(part.picture for part in clip.parts())
        stopped.args = (f"{clip.source}: interrupted: {done.frames} frames are done, in {made}",)
        raise stopped
    return done


def _drawn(draw, item):
    """A frame's time, its line and its drawing, or its error."""
    if isinstance(item, InputError):
        return item
    frame, poses = item
    from multiposenet import formats

    return frame.time, formats.frame_line(frame, poses), draw(frame, poses) if draw else None


def _stored(lines, video, item):
    """Writes a frame; the number of its people, or its error."""
    if isinstance(item, InputError):
        return item
    time, line, picture = item
    if video:
        video.write(picture, time)
    lines.write(json.dumps(line, allow_nan=False) + "\n")
    return len(line["people"])


class _Video:
    """The drawn video of a clip, begun with its first frame."""

    def __init__(self, stack, out, clip, start):
        self._path = stack.enter_context(writing.atomic_write(out.claim(clip.picture)))
        self._source, self._start, self._writer = clip.source, start, None

    def write(self, picture, time):
        if self._writer is None:
            from multiposenet.sources import video
            from multiposenet.video.writer import VideoWriter

            if video.is_live(self._source):
                self._start = time
                self._writer = VideoWriter(self._path, start=time)
            else:
                about = video.about(self._source)
                sound = self._source if about.has_sound else None
                self._writer = VideoWriter(self._path, about.rate, sound, self._start)
        self._writer.write(picture, time)

    def close(self):
        self._writer.close()


def _count(source, reading: dict) -> int | None:
    """How many frames there will be, as far as the file tells."""
    from multiposenet.sources import video

    if video.is_live(source):
        return None
    about = video.about(source)
    if not about.frames or not about.rate:
        return None
    length = about.frames / about.rate
    length = min(length, reading["end"] or length) - reading["start"]
    return max(0, round(length * about.rate / reading["every"]))
