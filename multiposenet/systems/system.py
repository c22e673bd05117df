"""What every system is: a call on images, made of its stream; and windows of a stream."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton
from multiposenet.sources import Frame, frames, is_single

WINDOW_PIXELS = 64_000_000
"""Image pixels held at once: about 200 MB."""


class System(ABC):
    """Finds people in images. A subclass has `stream` and `skeleton`.

    Threads may use one object at the same time, on every runtime, and get the answers that one
    thread would get; they are no faster than one, which uses all processors. In a process that was
    forked, a system that runs in Keras raises `ForkError` instead of hanging.
    """

    @property
    @abstractmethod
    def skeleton(self) -> Skeleton:
        """The keypoints the system finds."""

    @abstractmethod
    def stream(self, source) -> Iterator[tuple[Frame, Poses] | InputError]:
        """Finds people in image after image, holding only a few at a time.

        Args:
            source: as for a call, or any iterable of paths and arrays, which may be endless.

        Yields:
            For each image, in order, its `Frame` and its `Poses`; or, in their place, the
            `InputError` of an image that cannot be used.
        """

    def advice(self, frame: Frame, poses: Poses) -> str | None:
        """What may be the cause if nobody was found in an image, and what to do; None if unknown.

        Args:
            frame: the image.
            poses: found in it.
        """
        return None

    def keeping(self, score: float) -> "System":
        """The same system, which leaves out people only if they score less than this."""
        other = copy.copy(self)
        other.score = score
        return other

    def __call__(self, source):
        """Finds the people in one or several images.

        Args:
            source: the path of an image, or an array (H, W), (H, W, 3) or (H, W, 4); for several
                images a folder, a glob pattern, an array (N, H, W, 3), or a list of these.

        Returns:
            `Poses` for one image; a list of them, in order, for several. A folder or a list is
            several images even if it holds only one.

        Raises:
            InputError: an image cannot be used. `stream` goes on after such an image.
        """
        results = []
        for item in self.stream(source):
            if isinstance(item, InputError):
                raise item
            results.append(item[1])
        return results[0] if is_single(source) else results


class ImageByImage(System):
    """A system made of others, which looks at one image at a time. A subclass has `_poses`."""

    systems: list[System]

    @property
    def skeleton(self) -> Skeleton:
        return self.systems[0].skeleton

    def stream(self, source) -> Iterator[tuple[Frame, Poses] | InputError]:
        for item in frames(source):
            if isinstance(item, InputError):
                yield item
                continue
            try:
                yield item, self._poses(item)
            except InputError as error:
                yield error

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
