"""What an upload may cost."""

import time
from dataclasses import dataclass

from multiposenet.errors import InputError
from multiposenet.sources import Limits as OfImages


@dataclass(frozen=True)
class Limits:
    """What one upload may cost, so that it does not keep the other visitors waiting.

    Attributes:
        megabytes: of a file.
        photos: at once.
        megapixels: of a photo, or of a frame.
        clip: seconds that a clip may be long.
        seconds: that the work on an upload may take.
    """

    megabytes: int = 64
    photos: int = 20
    megapixels: int = 50
    clip: float = 60.0
    seconds: float = 120.0

    @property
    def of_images(self) -> OfImages:
        """The limits of each image."""
        return OfImages(pixels=self.megapixels * 1_000_000)

    def check_count(self, count: int) -> None:
        """Raises `InputError` for too many photos."""
        if count > self.photos:
            raise InputError(f"photos: {count} at once, more than {self.photos}; upload fewer")

    def check_length(self, name: str, seconds: float | None) -> None:
        """Raises `InputError` for a clip that is too long, as far as that is known.

        Args:
            name: of the clip.
            seconds: of its length, or None.
        """
        if seconds is not None and seconds > self.clip:
            raise InputError(
                f"{name}: length: {seconds:.0f} s, more than {self.clip:g}; cut the clip"
            )


class Deadline:
    """The end of the time that some work may take.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self, name: str) -> None:
        """Raises `InputError` when the time is over.

        Args:
            name: of what is not done any more.
        """
        if time.monotonic() > self._end:
            raise InputError(
                f"{name}: time: over after {self.seconds:g} s; upload less, or smaller images"
            )
