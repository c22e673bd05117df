"""A camera through a system: the people in its frames, their drawing, frames a second."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from multiposenet import drawing
from multiposenet.errors import InputError
from multiposenet.sources import Frame
from multiposenet.systems.system import System
from multiposenet.video.smoothing import Smoother
from multiposenet.video.tracking import Tracker

_SECONDS = 2.0  # over which the rate is taken


class Rate:
    """Events a second, over the last two seconds.

    Args:
        clock: function that gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._times = clock, deque()

    def tick(self) -> float:
        """One event more; returns the rate, 0 of the first one."""
        now = self._clock()
        self._times.append(now)
        while now - self._times[0] > _SECONDS:
            self._times.popleft()
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0


def watch(
    pose: System,
    frames: Iterable[Frame | InputError],
    show: Callable[[np.ndarray], bool],
    layers: Sequence[str] = drawing.DEFAULT_LAYERS,
    smooth: bool = False,
    rate: Rate | None = None,
) -> int:
    """Draws people on frame after frame, with their ids and the frames a second.

    Args:
        pose: finds them.
        frames: of a camera; the first error ends it.
        show: function of a drawing (H, W, 3) uint8 RGB; tells whether there is to be another.
        layers: what is drawn, of `drawing.LAYERS`.
        smooth: whether keypoints are smoothed.
        rate: counts the frames.

    Returns:
        How many frames were shown.

    Raises:
        InputError: the camera gives no more frames.
    """
    tracker, smoother, rate = Tracker(pose.score), Smoother() if smooth else None, rate or Rate()
    pose, shown = pose.keeping(min(pose.score, tracker.faint)), 0
    for item in frames:
        if isinstance(item, InputError):
            raise item
        people = tracker.update(pose(item), item.time)
        if smoother:
            people = smoother.update(people, tracker.now)
        picture = people.draw(image=item.image, layers=layers)
        shown += 1
        if not show(drawing.caption(picture, f"{rate.tick():.1f} FPS")):
            break
    return shown
