"""Random patches of photos with their boxes, keypoints and masks, all moved by one affine map.

The map is drawn here and applied by ``geometry.Affine``: albumentations (2.0) has no transform that
takes a given map, and its coordinates are not those of this library. It counts keypoints from pixel
centres when it flips and rotates, from pixel corners when it resizes, and boxes always from
corners, so that keypoints and masks would part by up to a pixel. Colours are albumentations'; where
it is not installed they stay as they are. Transforms of one's own go through
``albumentations_bridge.Transforms``, which bridges the difference.
"""

import dataclasses
import functools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from multiposenet.maths import geometry
from multiposenet.training.datasets.sample import Sample
from multiposenet.training.patches import patch, photo_cache
from multiposenet.training.patches.patch import Patch

__all__ = [
    "Patch",
    "PatchSampler",
    "PhotoSampler",
    "colour_changes",
    "draw_turn",
    "recoloured",
]


def colour_changes():
    """The default changes of colour, an ``albumentations.Compose``.

    Returns:
        None where albumentations is not installed, with a warning once: colours then stay as they
        are, and training goes on.
    """
    # It asks a server for its newest version at import otherwise.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        import albumentations
    except ImportError:
        _warn_of_missing_colours()
        return None
    return albumentations.Compose(
        [
            albumentations.ColorJitter(0.4, 0.4, 0.4, 0.05, p=0.8),
            albumentations.ToGray(p=0.1),
            albumentations.GaussianBlur((3, 5), p=0.1),
        ]
    )


@functools.cache
def _warn_of_missing_colours():
    warnings.warn(
        "albumentations is not installed: colours of training photos stay as they are; "
        "pip install 'albumentations>=2.0,<2.1'",
        stacklevel=4,
    )


@dataclass(frozen=True)
class PatchSampler:
    """Draws square patches of photos (MultiPoseNet, section 3.5).

    Patches come at a scale drawn for the person in the centre (``person_size``), which shows people
    of all sizes equally often; or, as in the paper, at a scale drawn for the photo (``scale``). The
    paper's recipe is ``PatchSampler(480, flip_indices, scale=(0.8, 1.2), centre="people",
    rotation_chance=1.0, flip=0.3, jitter=0.0)``.

    Attributes:
        size: side S of the patch in pixels, a multiple of 4.
        flip_indices: of the skeleton.
        person_size: least and greatest sqrt(box area), in patch pixels, of the person that the
            patch is centred on; drawn uniformly in the logarithm.
        cover: the photo's longer side is at least this share of the patch, and
        zoom: the photo is enlarged at most this much; both win over ``person_size``.
        scale: least and greatest factor, drawn uniformly; in place of the four above. The paper
            does not say of what; here it is of the photo scaled to a longer side of ``longest``.
        longest: 640 pixels are the natural size of COCO's photos, whose scale is thereby that of
            photos of any other size; 0 takes every photo as it is.
        centre: ``"person"``, any; or ``"people"``, the paper's "crowd or main person": the person
            who makes up more than half of the area of all, if there is one, else the middle of
            all.
        rotation: greatest rotation in degrees.
        rotation_chance: share of patches that are rotated.
        flip: share of patches flipped left to right, with left and right keypoints swapped.
        jitter: greatest shift of the centre as a share of the patch.
        color: change of the image's colours, an ``albumentations.Compose`` of pixel transforms or
            None. It holds a random state, so that a sampler serves one thread at a time.
        augment: further change of a patch, ``augment(patch, rng) -> patch``, before the colours
            change; such as ``albumentations_bridge.Transforms``.
    """

    size: int
    flip_indices: np.ndarray
    person_size: tuple[float, float] = (24.0, 240.0)
    cover: float = 0.7
    zoom: float = 3.0
    rotation: float = 40.0
    rotation_chance: float = 0.6
    flip: float = 0.5
    jitter: float = 0.3
    scale: tuple[float, ...] = ()
    longest: float = 640.0
    centre: str = "person"
    color: Callable | None = field(default_factory=colour_changes)
    augment: Callable | None = None

    def __post_init__(self):
        if self.centre not in ("person", "people"):
            raise ValueError(f"centre: unknown name {self.centre!r}; use 'person' or 'people'")
        if len(self.scale) not in (0, 2):
            raise ValueError(f"scale: {self.scale}; give the least and greatest factor, or ()")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Patch:
        """A random patch of a photo; ``rng`` is the only source of randomness."""
        move, mirrored = self._draw_map(sample, photo_cache.image(sample).shape[:2], rng)
        flip_indices = self.flip_indices if mirrored else None
        return _finish(self, patch.cut(sample, move, (self.size, self.size), flip_indices), rng)

    def mosaic(self, samples: list[Sample], rng: np.random.Generator) -> Patch:
        """Four half-size patches of photos of one data set, tiled two by two."""
        half = self.size // 2
        quarter = dataclasses.replace(
            self,
            size=half,
            person_size=(0.35 * half, 0.9 * half),
            scale=(),
            centre="person",
            jitter=self.jitter / 2,
        )
        return patch.tile([quarter(sample, rng) for sample in samples])

    def _draw_map(self, sample, image_hw, rng):
        height, width = image_hw
        box = np.array([0, 0, width, height], float)
        if len(sample.boxes):
            box = sample.boxes[rng.integers(len(sample.boxes))]
        if self.centre == "people":
            box = _crowd_or_main_person(sample, box)
        centre = (box[:2] + box[2:]) / 2
        factor = self._draw_factor(sample, box, image_hw, rng)
        turn, mirrored = draw_turn(self, rng)
        linear = factor * turn
        target = self.size * (0.5 + rng.uniform(-self.jitter, self.jitter, 2))
        move = geometry.Affine(np.column_stack([linear, target - linear @ centre]))
        return move, mirrored

    def _draw_factor(self, sample, box, image_hw, rng):
        if self.scale:
            natural = self.longest / max(image_hw) if self.longest else 1.0
            return natural * rng.uniform(*self.scale)
        extent = float(np.sqrt(np.prod(box[2:] - box[:2])))
        extent = max(extent, 1.0) if len(sample.boxes) else extent / 2
        wanted = np.exp(rng.uniform(*np.log(self.person_size)))
        return np.clip(wanted / extent, self.cover * self.size / max(image_hw), self.zoom)


@dataclass(frozen=True)
class PhotoSampler:
    """Whole photos for the person stage (MultiPoseNet, section 3.5, as keras-retinanet).

    A photo is scaled to a shorter edge of ``shortest`` pixels, or less where its longer edge would
    pass ``longest``. It lies at the top left of a canvas whose sides are multiples of 32; the
    canvases of a batch are made equal by ``patch.pad``.

    Attributes:
        flip_indices: of the skeleton.
        shortest: the shorter edge in pixels.
        longest: greatest longer edge.
        flip: share of the photos that are flipped left to right.
        multiple: of which the sides of the canvas are.
        color, augment: as in ``PatchSampler``.
    """

    flip_indices: np.ndarray
    shortest: int = 800
    longest: int = 1333
    flip: float = 0.5
    multiple: int = 32
    color: Callable | None = field(default_factory=colour_changes)
    augment: Callable | None = None

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Patch:
        """The photo; ``rng`` is the only source of randomness."""
        image, move = photo_cache.image(sample), geometry.Affine.identity()
        height, width = image.shape[:2]
        mirrored = rng.random() < self.flip
        if mirrored:
            image, move = image[:, ::-1], geometry.Affine([[-1, 0, width], [0, 1, 0]])
        shorter, longer = sorted((height, width))
        longest = min(self.longest, max(1, round(longer * self.shortest / shorter)))
        size = geometry.letterbox_size((height, width), longest, self.multiple)
        image, fit = geometry.letterbox(image, size, longest)
        flip_indices = self.flip_indices if mirrored else None
        return _finish(self, patch.cut(sample, fit @ move, size, flip_indices, image), rng)


def draw_turn(sampler, rng):
    """A sampler's random rotation and reflection: ``(2, 2)``, and whether it mirrors."""
    angle = 0.0
    if rng.random() < sampler.rotation_chance:
        angle = np.deg2rad(rng.uniform(-sampler.rotation, sampler.rotation))
    mirrored = rng.random() < sampler.flip
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn[0] *= -1
    return turn, mirrored


def recoloured(image, color, rng):
    """An image with its colours changed by ``color``, of ``colour_changes``, or as it is."""
    if color is None:
        return image
    color.set_random_seed(int(rng.integers(2**31)))
    return color(image=image)["image"]


def _finish(sampler, made, rng):
    """The user's changes of a patch, and the changes of its colours."""
    if sampler.augment is not None:
        made = sampler.augment(made, rng)
    made.image = recoloured(made.image, sampler.color, rng)
    return made


def _crowd_or_main_person(sample, default):
    """xyxy of the person who takes most of the people's area, or of all together."""
    everybody = np.concatenate([sample.boxes, sample.crowd_boxes])
    if not len(everybody):
        return default
    areas = np.maximum(everybody[:, 2:] - everybody[:, :2], 0).prod(axis=1)
    largest = np.argmax(areas)
    if areas[largest] > 0.5 * areas.sum() and largest < len(sample.boxes):
        return everybody[largest]
    return np.concatenate([everybody[:, :2].min(axis=0), everybody[:, 2:].max(axis=0)])
