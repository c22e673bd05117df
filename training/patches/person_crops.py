"""Random crops of single persons, as proposals show them (RMPE, section 3.2.1), with labels."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from multiposenet.maths import geometry
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.training.datasets.sample import Sample
from multiposenet.training.patches import patch, photo_cache
from multiposenet.training.patches.sampler import colour_changes, draw_turn, recoloured
from multiposenet.training.proposals.generator import Generator

_LEAST_SIDE = 1.0  # of a box, in pixels


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a photo.

    Attributes:
        photo: the ``Sample`` of everybody, by which its pixels are cached.
        labels: the same with this person's labels only.
    """

    photo: Sample
    labels: Sample

    @property
    def size(self) -> float:
        """sqrt(box area) in pixels of the photo."""
        box = self.labels.boxes[0]
        return float(np.sqrt(np.maximum(box[2:] - box[:2], 0).prod()))


@dataclass
class PersonCrop:
    """What a single-person pose estimator sees, and what is known about it, in pixels of the crop.

    Attributes:
        image: ``(h, w, 3)`` uint8 RGB; other people are part of the background.
        keypoints: ``(K, 3)``; v = 0 where a keypoint is unlabelled or outside the crop.
        labelled: ``(K,)`` bool, the keypoints that the data set tells about.
        box: ``(4,)`` xyxy, the true box; of a rotated crop, about its centre and not larger.
    """

    image: np.ndarray
    keypoints: np.ndarray
    labelled: np.ndarray
    box: np.ndarray


def people(samples: list[Sample], least_size: float = 0.0) -> list[Person]:
    """All persons with a labelled keypoint and a box that has an area, photo by photo.

    Args:
        samples: the photos.
        least_size: persons with a smaller sqrt(box area) in pixels are left out.
    """
    found = []
    for sample in samples:
        usable = (sample.keypoints[..., 2] > 0).any(axis=1)
        usable &= (sample.boxes[:, 2:] - sample.boxes[:, :2] >= _LEAST_SIDE).all(axis=1)
        for row in np.flatnonzero(usable):
            own = slice(row, row + 1)
            labels = dataclasses.replace(
                sample,
                boxes=sample.boxes[own],
                keypoints=sample.keypoints[own],
                labelled=sample.labelled[own],
                areas=sample.areas[own],
                crowd_boxes=sample.crowd_boxes[:0],
                complete=True,
                mask_path=None,
                segmentations=None,
                head_sizes=None,
            )
            found.append(Person(sample, labels))
    return [person for person in found if person.size >= least_size]


@dataclass(frozen=True)
class CropSampler:
    """Draws crops of persons.

    Attributes:
        size: height and width of the crops.
        flip_indices: of the skeleton.
        proposals: draws a detector's box from the true one; None takes the true one.
        margin: by which share crops are longer and wider than boxes; or the least and the greatest,
            between which it is drawn.
        scale: least and greatest random enlargement about the crop's centre.
        rotation: greatest rotation in degrees.
        rotation_chance: share of crops that are rotated.
        flip: share of crops flipped left to right, with left and right keypoints swapped.
        color: as in ``sampler.PatchSampler``; a sampler therefore serves one thread.
    """

    size: tuple[int, int]
    flip_indices: np.ndarray
    proposals: Generator | None = None
    margin: float | tuple[float, float] = MARGIN
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    rotation_chance: float = 0.0
    flip: float = 0.0
    color: Callable | None = field(default_factory=colour_changes)

    def __call__(self, person: Person, rng: np.random.Generator) -> PersonCrop:
        """A random crop; ``rng`` is the only source of randomness."""
        labels = person.labels
        move, mirrored = self._draw_map(labels, rng)
        flip_indices = self.flip_indices if mirrored else None
        image = patch.warp(photo_cache.image(person.photo), move, self.size)
        image = recoloured(image, self.color, rng)
        made = patch.cut(labels, move, self.size, flip_indices, image)
        low, high = labels.boxes[0].reshape(2, 2)
        half = np.sqrt(abs(np.linalg.det(move.matrix[:, :2]))) * (high - low) / 2
        centre = move((low + high) / 2)
        box = np.concatenate([centre - half, centre + half]).astype(np.float32)
        return PersonCrop(made.image, made.keypoints[0], made.labelled[0], box)

    def _draw_map(self, labels, rng):
        box = labels.boxes[0]
        if self.proposals is not None:
            options = {"image_size": labels.image_size}
            box = self.proposals.sample(labels.keypoints, labels.boxes, rng, **options)[0, 0]
        margin = self.margin if np.isscalar(self.margin) else rng.uniform(*self.margin)
        fit = geometry.crop_map(box, self.size, margin)
        turn, mirrored = draw_turn(self, rng)
        turn *= rng.uniform(*self.scale)
        middle = np.array([self.size[1], self.size[0]]) / 2
        return geometry.Affine(np.column_stack([turn, middle - turn @ middle])) @ fit, mirrored
