"""What is kept of images that a system has seen, so that they are drawn anew without the network.

A look is small: the image itself stays in its file, the mask is packed, the heatmaps have half the
precision. Sliders and layers change the drawing alone.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from multiposenet import drawing, formats
from multiposenet.poses import Poses
from multiposenet.sources import Frame
from multiposenet.video.tracking import Tracker, follow

LEAST_SCORE = 0.1
"""The least score that people can be asked for; from half of it on, they are kept for tracking."""
LAYERS = ("skeleton", "boxes", "mask", "scores", "ids", "heatmaps")
DEFAULT_LAYERS = ("skeleton", "boxes", "mask", "ids")


@dataclass(frozen=True, eq=False)
class Look:
    """What a system has found in one image.

    Attributes:
        name: of the upload.
        poses: everybody, sure or not, without the mask and the image.
        outline: the pixels that show a person, packed; None if the system has no mask.
        heatmaps: (h, w, K) float16, or None if the system has none.
        index, time: of a frame of a clip, as `Frame` has them.
    """

    name: str
    poses: Poses
    outline: bytes | None = None
    heatmaps: np.ndarray | None = None
    index: int | None = None
    time: float | None = None

    @classmethod
    def of(cls, name: str, frame: Frame, poses: Poses, heatmaps=None) -> "Look":
        """Keeps what was found in a frame."""
        outline = None
        if poses.mask is not None:
            outline = zlib.compress(np.packbits(poses.mask >= 0.5).tobytes(), 1)
        if heatmaps is not None:
            heatmaps = heatmaps.astype(np.float16)
        bare = replace(poses, mask=None, image=None, source=None)
        return cls(name, bare, outline, heatmaps, frame.index, frame.time)

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W), whether a pixel shows a person."""
        if self.outline is None:
            return None
        height, width = self.poses.image_size
        packed = np.frombuffer(zlib.decompress(self.outline), np.uint8)
        return np.unpackbits(packed, count=height * width).reshape(height, width)

    def draw(self, image, people: Poses, layers: Sequence[str]) -> np.ndarray:
        """Draws people on the image.

        Args:
            image: (H, W, 3) uint8 RGB, the one that was seen.
            people: some of `poses`; without ids they get their numbers in the table.
            layers: of `LAYERS`; those that there are not are left out.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        if "heatmaps" in layers and self.heatmaps is not None:
            image = drawing.heatmap(image, self.heatmaps)
        mask = self.mask if "mask" in layers else None
        ids = np.arange(len(people)) if people.ids is None else people.ids
        layers = [layer for layer in layers if layer in drawing.LAYERS]
        return replace(people, mask=mask, ids=ids).draw(image=image, layers=layers)


@dataclass(frozen=True, eq=False)
class Upload:
    """A file of a visitor.

    Attributes:
        path: where it lies.
        name: what the visitor calls it.
    """

    path: Path
    name: str

    def told(self, error: Exception) -> str:
        """An error in one line that has the file's name in place of its path."""
        return " ".join(str(error).replace(str(self.path), self.name).split())


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in what a visitor has uploaded.

    Attributes:
        photos: each photo that could be used, with its look.
        ids: COCO's id of each.
        clip: the clip, or None.
        frames: the looks of its frames.
        problems: a line for what could not be used, or not to its end.
    """

    photos: Sequence[tuple[Upload, Look]] = ()
    ids: Sequence[int] = ()
    clip: Upload | None = None
    frames: Sequence[Look] = ()
    problems: Sequence[str] = ()

    def rows(self, score: float) -> list[dict]:
        """The results of the photos as `predict` writes them into `poses.json`."""
        rows = []
        for (upload, look), number in zip(self.photos, self.ids, strict=True):
            people = look.poses.above(score)
            rows += people.to_coco(image_id=number, file_name=upload.name)
        return rows

    def followed(self, score: float) -> Iterator[tuple[Look, Poses]]:
        """The frames of the clip with their people and who they are, as `predict --track`."""
        tracker = Tracker(score)
        items = ((look, look.poses.above(tracker.faint)) for look in self.frames)
        return follow(items, tracker)

    def lines(self, score: float) -> list[dict]:
        """The results of the clip as `predict --track` writes them, a line a frame."""
        return [formats.frame_line(look, people) for look, people in self.followed(score)]
