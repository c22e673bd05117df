"""Test-time augmentation: a system sees every image several times, and its answers are merged.

Scales, mirror images and overlapping tiles, as MultiPoseNet's best figures have them
(MultiPoseNet, section 3.5).
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.sources import Frame
from multiposenet.systems.system import ImageByImage
from multiposenet.systems.test_time import merging

_SHARE = 0.6  # of the sides of an image, that a tile shows if no size is given
_OVERLAP = 0.25  # of a tile's sides, at least
_BOUNDS = (0.1, 10.0)  # of scales


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """In which ways an image is shown.

    Attributes:
        scales: factors of the size at which the system sees images.
        flip: each of them mirrored, too.
        crops: overlapping tiles, too, for small people on large photos; their side in pixels, or
            True for tiles that show 0.6 of each side.

    Raises:
        ValueError: a value is out of range.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    crops: bool | int = False

    def __post_init__(self):
        scales = tuple(float(scale) for scale in self.scales)
        object.__setattr__(self, "scales", scales)
        low, high = _BOUNDS
        for scale in scales:
            if not low <= scale <= high:
                raise ValueError(f"scales: {scale:g}; give factors from {low:g} to {high:g}")
        if not scales:
            raise ValueError("scales: none; give at least one factor, such as 1")
        if not isinstance(self.crops, bool) and self.crops < 32:
            raise ValueError(f"crops: {self.crops}; give 32 pixels or more")

    @classmethod
    def parse(cls, text: str) -> "Augmentation":
        """Reads ``scales=0.75,1,1.25,flip,crops`` or a part of it; ``crops=SIDE`` has a size.

        Raises:
            ValueError: it is not of this form, or a value is out of range.
        """
        fields, scales = {}, None
        for word in text.split(","):
            name, equals, value = word.strip().partition("=")
            if name == "scales" and equals:
                scales = [_number("scales", value, float)]
            elif name == "crops":
                fields["crops"] = _number("crops", value, int) if equals else True
            elif name == "flip" and not equals:
                fields["flip"] = True
            elif scales is not None and not equals:
                scales.append(_number("scales", name, float))
            else:
                raise ValueError(f"{word!r}; give scales=FACTOR,..., flip, crops or crops=SIDE")
        return cls(**fields, **({} if scales is None else {"scales": tuple(scales)}))

    def __str__(self):
        words = [f"scales={','.join(f'{scale:g}' for scale in self.scales)}"]
        words += ["flip"] if self.flip else []
        words += [] if self.crops is False else ["crops"]
        if not isinstance(self.crops, bool):
            words[-1] += f"={self.crops}"
        return ",".join(words)


def _number(name, text, kind):
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is no number; give one") from None


class Augmented(ImageByImage):
    """A system that sees each image in several ways.

    Args:
        system: any system; with other scales than 1 it has ``at_scale``.
        augmentation: the ways.
        score: people whose merged score is lower are left out; by default the system's own, which
            then keeps more itself, since scores are merged.

    Raises:
        ValueError: the system's skeleton has no left and right to swap, or the system no scales.
    """

    def __init__(self, system, augmentation: Augmentation, score: float | None = None):
        indices = np.asarray(system.skeleton.flip_indices)
        if augmentation.flip and (indices == np.arange(len(indices))).all():
            raise ValueError(
                f"flip: {system.skeleton.name} has no left and right keypoints; leave flip out"
            )
        self.augmentation = augmentation
        self._system = system
        self.score = system.score if score is None else float(score)
        system = system.keeping(min(system.score, self.score / 2))
        self.systems = [
            system if scale == 1 else system.at_scale(scale) for scale in augmentation.scales
        ]

    def _seeing(self, size: int) -> "Augmented":
        return Augmented(self._system._seeing(size), self.augmentation, self.score)

    def _about(self) -> list[str | None]:
        return [repr(self._system), str(self.augmentation)]

    def _poses(self, frame: Frame) -> Poses:
        image = frame.image
        height, width = image.shape[:2]
        windows = [(0, 0, width, height), *self._tiles(frame)]
        views = [image[top:bottom, left:right] for left, top, right, bottom in windows]
        if self.augmentation.flip:
            views += [np.ascontiguousarray(view[:, ::-1]) for view in views]
        found, whole = [], []
        for system in self.systems:
            for number, poses in enumerate(system(views)):
                left, top, right, _ = windows[number % len(windows)]
                if number >= len(windows):
                    poses = mirrored(poses, right - left)
                is_whole = number % len(windows) == 0
                found.append(_moved(poses, (left, top), frame, is_whole))
                whole.append(is_whole)
        return merging.merged(found, whole).above(self.score)

    def _tiles(self, frame: Frame) -> list[tuple[int, int, int, int]]:
        """left, top, right and bottom of the tiles, none if none are wanted."""
        crops, (height, width) = self.augmentation.crops, frame.image.shape[:2]
        if crops is False:
            return []
        if crops is True:
            sides = (math.ceil(_SHARE * width), math.ceil(_SHARE * height))
        elif crops > min(height, width):
            raise InputError(
                f"{frame.name}: crops: {crops} pixels are more than the photo's {width}x{height}; "
                f"give {min(height, width)} or less, or leave crops out"
            )
        else:
            sides = (crops, crops)
        columns, rows = (_starts(*lengths) for lengths in zip((width, height), sides, strict=True))
        return [(x, y, x + sides[0], y + sides[1]) for y in rows for x in columns]


def mirrored(poses: Poses, width: int) -> Poses:
    """What was found on a mirror image, on the image itself: x becomes width - x, left right.

    Args:
        poses: in pixels of the mirror image.
        width: of both.
    """
    flip = poses.skeleton.flip_indices
    keypoints, boxes = poses.keypoints[:, flip].copy(), poses.boxes.copy()
    keypoints[..., 0] = width - keypoints[..., 0]
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    return dataclasses.replace(
        poses,
        keypoints=keypoints,
        keypoint_scores=poses.keypoint_scores[:, flip],
        boxes=boxes,
        mask=None if poses.mask is None else poses.mask[:, ::-1],
    )


def _moved(poses: Poses, corner, frame: Frame, is_whole: bool) -> Poses:
    """What was found in a part of an image, in pixels of the image."""
    return dataclasses.replace(
        poses,
        keypoints=poses.keypoints + np.float32(corner),
        boxes=poses.boxes + np.float32(np.tile(corner, 2)),
        image_size=frame.image.shape[:2],
        mask=poses.mask if is_whole else None,
        **frame.origin,
    )


def _starts(length: int, side: int) -> Sequence[int]:
    """Where tiles of a side begin that cover a length with the overlap."""
    count = 1 if side >= length else math.ceil((length - side) / (side * (1 - _OVERLAP))) + 1
    return np.linspace(0, length - side, count).round().astype(int).tolist()
