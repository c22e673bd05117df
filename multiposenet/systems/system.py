"""What every system is: a call on images, made of its stream; and windows of a stream."""

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from multiposenet.errors import InputError, MultiPoseNetWarning
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton
from multiposenet.sources import Frame, Source, frames_ahead, is_several, is_single
from multiposenet.sources.video import is_video
from multiposenet.video.smoothing import Smoother
from multiposenet.video.tracking import Tracker, follow

WINDOW_PIXELS = 64_000_000
"""Image pixels held at once: about 200 MB."""


class System(ABC):
    """Finds people in images. A subclass has `_stream`, `_seeing` and `skeleton`.

    Threads may use one object at the same time, on every runtime, and get the answers that one
    thread would get; they are no faster than one, which uses all processors. In a process that was
    forked, a system that runs in Keras raises `ForkError` instead of hanging.
    """

    @property
    @abstractmethod
    def skeleton(self) -> Skeleton:
        """The keypoints the system finds."""

    def __repr__(self) -> str:
        about = ", ".join(filter(None, self._about()))
        return f"<{type(self).__name__}: {about}>"

    def stream(
        self,
        source: Source,
        *,
        size: int | None = None,
        score: float | None = None,
        track: bool | Tracker = False,
        smooth: bool | Smoother = False,
        **reading,
    ) -> Iterator[tuple[Frame, Poses] | InputError]:
        """Finds people in image after image, holding only a few at a time.

        The next images are read while the caller works with one; an iterator, which may be endless,
        is taken in the caller's thread.

        Args:
            source: as for a call; a video file, numbered images (`frames/%06d.png`), the address
                of a stream (`rtsp://`) or the number of a camera, whose frames have an `index` and
                a `time`; or any iterable of these.
            size, score: as for a call.
            track: whether people keep an id from frame to frame, by a `Tracker` or one of one's
                own. People who are known may then score half as much.
            smooth: whether the keypoints of people who are tracked are smoothed, by a `Smoother`
                or one of one's own.
            **reading: `recursive` and `all_pages`, as for a call; and which frames of a video are
                wanted: one of `every`, from `start` to `end` seconds.

        Yields:
            For each image, in order, its `Frame` and its `Poses`; or, in their place, the
            `InputError` of an image that cannot be used.
        """
        system = self._with(size, score)
        if smooth and not track:
            raise ValueError("smooth: is of people who are tracked; add track=True")
        with closing(frames_ahead(source, **reading)) as items:
            if not track:
                yield from system._stream(items)
                return
            tracker = Tracker(system.score) if track is True else track
            smoother = Smoother() if smooth is True else smooth or None
            found = system.keeping(min(system.score, tracker.faint))._stream(items)
            yield from follow(found, tracker, smoother)

    @abstractmethod
    def _stream(self, items: Iterator[Frame | InputError]) -> Iterator:
        """`stream` of frames that have been read; errors among them stay where they are."""

    @abstractmethod
    def _seeing(self, size: int) -> "System":
        """The same system, which sees images with their longer side of so many pixels."""

    def _about(self) -> list[str | None]:
        """What its `repr` tells."""
        return [self.skeleton.name]

    def advice(self, frame: Frame, poses: Poses) -> str | None:
        """What may be the cause if nobody was found in an image, and what to do; None if unknown.

        Args:
            frame: the image.
            poses: found in it.
        """
        return None

    def keeping(self, score: float) -> "System":
        """The same system, which leaves out people only if they score less than this."""
        return self._but(score=score)

    def __call__(
        self,
        source: Source,
        *,
        size: int | None = None,
        score: float | None = None,
        on_error: str | None = None,
        recursive: bool = False,
        all_pages: bool = False,
    ):
        """Finds the people in one or several images.

        Args:
            source: the path of an image, its address on the web, `bytes` or an open file that hold
                it, an array (H, W), (H, W, 3) or (H, W, 4), a tensor of PyTorch, also (C, H, W),
                or a `PIL.Image.Image`; for several images a folder, a glob pattern, an array
                (N, H, W, 3), or a list of these.
            size: longer side of an image as the network sees it, in pixels; by default the
                system's own.
            score: people whose pose score is lower are left out; by default the system's own.
            on_error: "raise" for the first image that cannot be used, "skip" for a warning
                (`MultiPoseNetWarning`) in its place. By default folders and patterns are gone
                through to their end, and what is named is an error.
            recursive: whether the sub-folders of folders are searched, too.
            all_pages: whether all pages of a TIFF or frames of an animation are images, or the
                first.

        Returns:
            `Poses` for one image; a list of them, in order, for several. A folder or a list is
            several images even if it holds only one. The field `source` of each tells its file.

        Raises:
            InputError: an image cannot be used; none could, if they were to be skipped.
            ValueError: an argument is out of range.
        """
        if on_error not in (None, "raise", "skip"):
            raise ValueError(f'on_error: {on_error!r}; give "raise" or "skip"')
        if is_video(source):
            raise ValueError(f"{source}: a video has too many frames to be held; use `stream`")
        paths = isinstance(source, (str, os.PathLike))
        single = is_single(source, all_pages)
        skip = on_error == "skip" or (on_error is None and paths and is_several(source))
        results, bad = [], []
        reading = {"recursive": recursive, "all_pages": all_pages}
        for item in self.stream(source, size=size, score=score, **reading):
            if not isinstance(item, InputError):
                results.append(item[1])
            elif single or not skip:
                raise item
            else:
                bad.append(item)
                warnings.warn(str(item), MultiPoseNetWarning, stacklevel=2)
        if bad and not results:
            raise bad[0]
        return results[0] if single else results

    def _but(self, **changes) -> "System":
        """The same system with other attributes; it shares the rest, and what is compiled."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def _with(self, size: int | None, score: float | None) -> "System":
        """The same system with what differs for one call."""
        system = self
        if size is not None:
            system = system._seeing(size)
        if score is not None:
            if not 0 <= score <= 1:
                raise ValueError(f"score: {score}; give a number from 0 to 1")
            system = system.keeping(score)
        return system


class ImageByImage(System):
    """A system made of others, which looks at one image at a time. A subclass has `_poses`."""

    systems: list[System]

    @property
    def skeleton(self) -> Skeleton:
        return self.systems[0].skeleton

    def _about(self) -> list[str | None]:
        return [repr(system) for system in self.systems]

    def _stream(self, items) -> Iterator[tuple[Frame, Poses] | InputError]:
        for item in items:
            if isinstance(item, InputError):
                yield item
                continue
            try:
                yield item, self._poses(item)
            except InputError as error:
                yield error

    def _seeing(self, size: int) -> "ImageByImage":
        return self._but(systems=[system._seeing(size) for system in self.systems])

    @abstractmethod
    def _poses(self, frame: Frame) -> Poses:
        """What is found on an image; an `InputError` costs the image alone."""


def windows(
    items: Iterable, count: int, costs: Callable[[object], Sequence[int]], limits: Sequence[int]
) -> Iterator[list]:
    """Cuts a stream into lists of at most `count` items.

    Args:
        items: the stream; no more of it is read than a list and one item.
        count: items in a list at most.
        costs: what an item costs, of each kind.
        limits: what the items of a list cost at most, of each kind; one alone may cost more.
    """
    window, spent = [], [0] * len(limits)
    for item in items:
        own = costs(item)
        total = [before + more for before, more in zip(spent, own, strict=True)]
        if window and any(cost > most for cost, most in zip(total, limits, strict=True)):
            yield window
            window, total = [], list(own)
        window.append(item)
        spent = total
        if len(window) == count:
            yield window
            window, spent = [], [0] * len(limits)
    if window:
        yield window


def pixels(frame: Frame | InputError) -> int:
    """How many pixels an item of a stream of frames has."""
    return frame.image.shape[0] * frame.image.shape[1] if isinstance(frame, Frame) else 0


def batches(indices: list[int], largest: int) -> Iterator[list[int]]:
    """Cuts a list into pieces of the largest size, then powers of two.

    Backends compile once per shape, so the number of different batch sizes is kept small.
    """
    while indices:
        size = largest if len(indices) >= largest else 1 << (len(indices).bit_length() - 1)
        yield indices[:size]
        indices = indices[size:]
