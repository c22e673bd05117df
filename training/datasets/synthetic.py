"""Synthetic scenes of several people: exact keypoints, boxes and masks without any data set.

Articulated figures (`figure`) stand, walk, sit and crouch before varied backgrounds, are seen from
all sides, and are hidden in part by nearer people, by objects and by the border of the picture. One
map says which part of whom every pixel shows. The picture, the masks and the visibility of the
keypoints all come from it, so they agree exactly.

For tests, notebooks and first steps. A network trained on these scenes alone knows no real people.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from multiposenet.errors import InputError
from multiposenet.files.writing import atomic_write
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets import coco, figure
from multiposenet.training.datasets.painter import CROWD, OBJECT, Painter
from multiposenet.training.datasets.sample import IGNORE, PERSON, Sample

_LEAST_SHOWN = 0.25  # share of a person that the picture shows at least
_LEAST_PIXELS = 60


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with n people and a crowd or none; coordinates in pixels of the picture.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        keypoints: (n, K, 3) float32 (x, y, v): v is 2 for a visible keypoint, 1 for one that
            something hides, 0 for one outside the picture (x and y are then 0), or that figures do
            not have.
        masks: (n, H, W) bool, the visible pixels of every person.
        crowd_mask: (H, W) bool, the visible pixels of the crowd.
        labelled: (n,) bool, false for a person whose keypoints are withheld (all 0).
        views: side that is seen of every person: front, back, left or right.
        actions: what every person does: stand, walk, sit or crouch.
        known: (K,) bool, the keypoints that figures have.
    """

    image: np.ndarray
    keypoints: np.ndarray
    masks: np.ndarray
    crowd_mask: np.ndarray
    labelled: np.ndarray
    views: tuple[str, ...]
    actions: tuple[str, ...]
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def boxes(self) -> np.ndarray:
        """(n, 4) float32 xyxy around the masks."""
        return np.array([_box(mask) for mask in self.masks], np.float32).reshape(-1, 4)

    @property
    def crowd_boxes(self) -> np.ndarray:
        """(0 or 1, 4) float32 xyxy around the crowd."""
        boxes = [_box(self.crowd_mask)] if self.crowd_mask.any() else []
        return np.array(boxes, np.float32).reshape(-1, 4)

    @property
    def areas(self) -> np.ndarray:
        """(n,) float32 pixels of the masks."""
        return self.masks.sum(axis=(1, 2)).astype(np.float32)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) uint8: 0 background, 1 person, 2 crowd."""
        return np.where(self.masks.any(axis=0), PERSON, IGNORE * self.crowd_mask).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class SceneSample(Sample):
    """A `Sample` whose photo and mask are in memory; its path names no file."""

    scene: Scene | None = None

    @property
    def has_mask(self) -> bool:
        return True

    def read_image(self) -> np.ndarray:
        return self.scene.image

    def read_mask(self) -> np.ndarray:
        return self.scene.mask


def scene(
    rng: np.random.Generator,
    size: tuple[int, int] = (320, 320),
    people: tuple[int, int] = (1, 4),
    crowd: float = 0.0,
    unlabelled: float = 0.0,
    skeleton: Skeleton = COCO_17,
) -> Scene:
    """Draws one scene.

    Args:
        rng: the only source of randomness.
        size: (height, width) of the picture, at least 64 pixels each.
        people: least and greatest number of people, both included. A quarter of each and at least
            60 pixels can be seen.
        crowd: chance of a group in the distance whose members are not labelled.
        unlabelled: chance of a person without keypoint labels.
        skeleton: keypoints wanted; by name those of COCO, MPII and LSP are known.

    Raises:
        InputError: a size or number is out of range.
    """
    height, width = size
    if min(size) < 64:
        raise InputError(f"synthetic: size: {width}x{height} pixels; use sides of 64 or more")
    if not 0 <= people[0] <= people[1] <= 30:
        raise InputError(f"synthetic: people: {people}; give a least and greatest number up to 30")
    count = int(rng.integers(people[0], people[1] + 1))
    has_crowd = rng.random() < crowd
    while True:
        painter = Painter(height, width)
        placed = _place(painter, count, has_crowd, rng)
        owners = painter.owners()
        if all(
            np.count_nonzero(owners == person) >= max(_LEAST_PIXELS, _LEAST_SHOWN * whole)
            for person, (*_, whole) in enumerate(placed)
        ):
            break
    known = np.array([name in figure.SHOWN_BY for name in skeleton.keypoints])
    labelled = rng.random(count) >= unlabelled
    keypoints = np.zeros((count, skeleton.num_keypoints, 3), np.float32)
    for person in np.flatnonzero(labelled):
        keypoints[person] = painter.keypoints(person, *placed[person][:3], skeleton)
    return Scene(
        image=painter.picture(rng),
        keypoints=keypoints,
        masks=owners == np.arange(count)[:, None, None],
        crowd_mask=owners == CROWD,
        labelled=labelled,
        views=tuple(p[0].view for p in placed),
        actions=tuple(p[0].action for p in placed),
        known=known,
    )


def scenes(photos: int, seed: int = 0, **options) -> Iterator[Scene]:
    """Draws scenes, each from (seed, its number) alone.

    Args:
        photos: how many.
        seed: of all randomness.
        **options: of `scene`.
    """
    for number in range(photos):
        yield scene(np.random.default_rng((seed, number)), **options)


def samples(photos: int, seed: int = 0, skeleton: Skeleton = COCO_17, **options) -> list[Sample]:
    """Draws scenes as samples for training that are kept in memory.

    Args:
        photos: how many.
        seed: of all randomness.
        skeleton: target skeleton; keypoints that figures do not have are unlabelled.
        **options: of `scene`.
    """
    made = scenes(photos, seed, skeleton=skeleton, **options)
    return [_sample(drawn, Path(_name(number))) for number, drawn in enumerate(made)]


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads a folder that `write` made; a number stands for that many scenes drawn at once.

    Args:
        folder: the folder, or for example `"200"`.
        skeleton: target skeleton of the keypoints.

    Raises:
        InputError: there is no such folder.
        AnnotationError: its annotations are missing or malformed.
    """
    if str(folder).isdecimal() and not Path(folder).is_dir():
        return samples(int(folder), skeleton=skeleton)
    if not Path(folder).is_dir():
        raise InputError(
            f"{folder}: folder: there is none; give one that `synthetic.write` made, or a number "
            "of scenes to draw, as in synthetic:200"
        )
    return coco.read(folder, skeleton)


def write(
    folder: str | Path, photos: int = 20, seed: int = 0, skeleton: Skeleton = COCO_17, **options
) -> Path:
    """Writes scenes as a folder that `datasets.coco` reads.

        folder/annotations.json     COCO keypoint annotations with run-length masks
        folder/photos/000000.jpg    the photos
        folder/masks/000000.png     0 background, 1 person, 2 crowd

    Args:
        folder: made if it does not exist; files of the same names are replaced.
        photos: how many.
        seed: of all randomness; the same call writes the same labels.
        skeleton: keypoints wanted.
        **options: of `scene`.

    Returns:
        The annotation file.
    """
    from pycocotools import mask as coco_mask

    folder = Path(folder)
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, drawn in enumerate(scenes(photos, seed, skeleton=skeleton, **options)):
        height, width = drawn.image.shape[:2]
        name = _name(number)
        image = cv2.cvtColor(drawn.image, cv2.COLOR_RGB2BGR)
        _save(folder / "photos" / name, image)
        _save((folder / "masks" / name).with_suffix(".png"), drawn.mask)
        images.append(
            {"id": number + 1, "file_name": name, "width": width, "height": height, "mask": True}
        )
        groups = [(mask, person) for person, mask in enumerate(drawn.masks)]
        if drawn.crowd_mask.any():
            groups.append((drawn.crowd_mask, None))
        for mask, person in groups:
            x1, y1, x2, y2 = _box(mask)
            code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            keypoints = np.zeros((skeleton.num_keypoints, 3))
            if person is not None:
                keypoints = drawn.keypoints[person].astype(float)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": 1,
                    "iscrowd": int(person is None),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(mask.sum()),
                    "num_keypoints": int((keypoints[:, 2] > 0).sum()),
                    "keypoints": keypoints.round(2).ravel().tolist(),
                    "segmentation": code | {"counts": code["counts"].decode()},
                }
            )
    category = {
        "id": 1,
        "name": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.limbs],
    }
    path = folder / "annotations.json"
    content = {"images": images, "annotations": annotations, "categories": [category]}
    with atomic_write(path) as partial:  # last, so that whoever finds it finds the photos too
        partial.write_text(json.dumps(content), encoding="utf-8")
    return path


def _save(path: Path, image: np.ndarray) -> None:
    options = (cv2.IMWRITE_JPEG_QUALITY, 95) if path.suffix == ".jpg" else ()
    _, content = cv2.imencode(path.suffix, image, options)
    path.write_bytes(content.tobytes())  # unlike OpenCV, tells when the disk is full


def _name(number: int) -> str:
    return f"{number:06}.jpg"


def _sample(drawn: Scene, path: Path) -> Sample:
    return SceneSample(
        path=path,
        image_size=drawn.image.shape[:2],
        boxes=drawn.boxes,
        keypoints=drawn.keypoints,
        # As in COCO files, a person without any keypoint counts as unlabelled.
        labelled=(drawn.keypoints[:, :, 2] > 0).any(axis=1)[:, None] & drawn.known,
        areas=drawn.areas,
        crowd_boxes=drawn.crowd_boxes,
        complete=True,
        single=False,
        scene=drawn,
    )


def _box(mask):
    """xyxy around the true pixels; pixel i covers [i, i + 1)."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _place(painter, count, has_crowd, rng):
    """Paints the figures and objects; returns (figure, scale, offset, pixels) of each person."""
    height, width = painter.labels.shape
    if has_crowd:
        _paint_crowd(painter, rng)
    # Nearer people are larger, and come later.
    largest = 1.25 * height / max(1.0, 0.55 * count) ** 0.5
    scales = np.sort(np.exp(rng.uniform(np.log(0.3 * height), np.log(largest), count)))
    places = (rng.permutation(count) + rng.uniform(0.2, 0.8, count)) / max(count, 1)
    placed = []
    for person in range(count):
        if rng.random() < 0.25:
            _paint_object(painter, scales[person], rng)
        drawn = figure.draw(rng)
        low, high = drawn.bounds().reshape(2, 2) * scales[person]
        middle = np.array([places[person] * width, height * rng.uniform(0.4, 0.72)])
        offset = middle - (low + high) / 2
        pixels = painter.person(person, drawn, scales[person], offset, rng)
        placed.append((drawn, scales[person], offset, pixels))
    if rng.random() < 0.35:
        _paint_object(painter, rng.uniform(0.4, 0.8) * height, rng)
    return placed


def _paint_crowd(painter, rng):
    height, width = painter.labels.shape
    scale = rng.uniform(0.12, 0.22) * height
    left, right = np.sort(rng.uniform(0.05, 0.95, 2)) * width
    right = max(right, left + 2 * scale)
    level = rng.uniform(0.25, 0.45) * height
    for x in np.arange(left, right, 0.25 * scale):
        drawn = figure.draw(rng, action="stand")
        offset = (x, level + rng.uniform(-0.1, 0.1) * scale)
        painter.person(CROWD, drawn, scale, offset, rng)


def _paint_object(painter, reach, rng):
    """A post, a box or a table in front of what was painted before."""
    height, width = painter.labels.shape
    colour = tuple(int(c) for c in rng.uniform(20, 230, 3))
    x, y = rng.uniform(0, width), rng.uniform(0.55, 0.95) * height
    kind = rng.integers(3)
    if kind == 0:
        rows = [(x, 0, x + rng.uniform(0.03, 0.1) * reach, height)]
    elif kind == 1:
        rows = [(x, y, x + rng.uniform(0.2, 0.6) * reach, y + rng.uniform(0.2, 0.5) * reach)]
    else:
        right, foot, leg = x + rng.uniform(0.4, 0.9) * reach, y + 0.4 * reach, 0.03 * reach
        top, legs = (x, y, right, y + 0.05 * reach), ((x, x + leg), (right - leg, right))
        rows = [top, *((start, y, end, foot) for start, end in legs)]
    for x1, y1, x2, y2 in rows:
        painter.paint("object", OBJECT, colour, np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]))
