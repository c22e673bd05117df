"""Reader of person annotations in COCO JSON: plain or gzip-compressed, numpy only.

The whole file becomes one columnar table (`Persons`) in which every check and every use is a
vectorised operation, so that COCO's 150,000 training persons load in seconds. `ImageRecord` is
the view of one photo. Field by field the format is https://cocodataset.org/#format-data; what
many files leave out (`segmentation`, `area`, `iscrowd`, `num_keypoints`) has a default.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from multiposenet.json_table import JsonTable, fail, parse, read_bytes
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton, default_sigma

_KNOWN_SKELETONS = (COCO_17, MPII_16, LSP_14)
# OKS sigma of a joint whose name tells nothing: the mean over COCO's joints.
_MEAN_SIGMA = 0.067


@dataclass(frozen=True, eq=False)
class Persons:
    """All annotated persons of a file, one row each, ordered as in the file.

    Numbers are float64 exactly as read, so that an evaluation sees what the file says.

    Attributes:
        ids: (P,) int64 annotation ids, unique within a photo.
        image: (P,) int64 row of the person's photo in `CocoAnnotations.images`.
        xywh: (P, 4) float64 boxes (left, top, width, height) in image pixels.
        areas: (P,) float64 in square pixels; the box's area where the file has none.
        crowd: (P,) bool, the annotation stands for a group (`iscrowd`).
        keypoints: (P, K, 3) float64 (x, y, v); v is 0 unlabelled, 1 hidden, 2 visible.
        num_keypoints: (P,) int64 labelled keypoints; counted where the file does not say.
    """

    ids: np.ndarray
    image: np.ndarray
    xywh: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    keypoints: np.ndarray
    num_keypoints: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """One photo of the annotation file with its n persons, in pixels of that photo.

    Attributes:
        id: image id in the file.
        file_name: path relative to the photo folder.
        width: photo width in pixels.
        height: photo height in pixels.
        boxes: (n, 4) float32 xyxy.
        keypoints: (n, K, 3) float32 (x, y, v).
        areas: (n,) float32 square pixels.
        crowd: (n,) bool.
        ids: (n,) int64 annotation ids.
        num_keypoints: (n,) int64 labelled keypoints.
        segmentations: n entries, each polygons, run-length encoding, or None.
        extra: the raw image entry of the file, with whatever further fields it has.
    """

    id: int
    file_name: str
    width: int
    height: int
    boxes: np.ndarray
    keypoints: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    ids: np.ndarray
    num_keypoints: np.ndarray
    segmentations: list
    extra: dict = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class CocoAnnotations:
    """A checked COCO annotation file, reduced to one category.

    Attributes:
        path: the file it was read from.
        skeleton: keypoints in the order of the file.
        category_id: id of the category that was read.
        image_ids: (I,) int64 ids of all photos, in file order.
        persons: the columnar table of all persons.
        fingerprint: sha256 of the uncompressed file, equal for a file and its .gz.
    """

    path: Path
    skeleton: Skeleton
    category_id: int
    image_ids: np.ndarray
    persons: Persons
    fingerprint: str
    _raw_images: list = field(repr=False)
    _segmentations: list = field(repr=False)

    @classmethod
    def load(
        cls,
        path: str | Path,
        skeleton: Skeleton | None = None,
        category: str | None = None,
    ) -> "CocoAnnotations":
        """Reads and checks an annotation file.

        Args:
            path: COCO JSON file, plain or gzip-compressed (told by its content).
            skeleton: for a category that names no keypoints (default COCO_17), and in place of
                the built one when its joint names are those of the category. Otherwise the
                file decides: a known skeleton with the category's names, or a new one.
            category: name of the category to read; by default the only one, or "person".

        Returns:
            The annotations; those of other categories are left out.

        Raises:
            AnnotationError: the file cannot be read or breaks the format; one line that names
                file, field and remedy.
        """
        path = Path(path)
        content = read_bytes(path)
        images, annotations, categories = _tables(path, content)
        chosen = _choose(categories, category)
        skeleton, has_names = _skeleton(path, chosen, skeleton)
        image_ids = _check_images(images)
        entries = _of_category(annotations, categories, chosen["id"])
        return cls(
            path=path,
            skeleton=skeleton,
            category_id=int(chosen["id"]),
            image_ids=image_ids,
            persons=_persons(entries, image_ids, skeleton, has_names),
            fingerprint=hashlib.sha256(content).hexdigest(),
            _raw_images=images.rows,
            _segmentations=[entry.get("segmentation") for entry in entries.rows],
        )

    def __len__(self) -> int:
        return len(self.image_ids)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.images)

    def select(self, photos) -> "CocoAnnotations":
        """Returns the annotations of some photos; `fingerprint` stays that of the whole file.

        Args:
            photos: (n,) int or slice, rows of `images`, or (I,) bool.
        """
        rows = np.arange(len(self))[photos]
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        kept = np.flatnonzero(place[self.persons.image] >= 0)
        columns = {f.name: getattr(self.persons, f.name)[kept] for f in fields(Persons)}
        columns["image"] = place[columns["image"]]
        return replace(
            self,
            image_ids=self.image_ids[rows],
            persons=Persons(**columns),
            _raw_images=[self._raw_images[row] for row in rows],
            _segmentations=[self._segmentations[row] for row in kept],
        )

    @cached_property
    def images(self) -> list[ImageRecord]:
        """One record per photo, in file order; persons of a photo in file order too."""
        persons = self.persons
        boxes = persons.xywh.copy()
        boxes[:, 2:] += boxes[:, :2]
        boxes = boxes.astype(np.float32)
        keypoints = persons.keypoints.astype(np.float32)
        areas = persons.areas.astype(np.float32)
        order = np.argsort(persons.image, kind="stable")
        bounds = np.searchsorted(persons.image[order], np.arange(len(self) + 1))
        records = []
        for row, raw in enumerate(self._raw_images):
            own = order[bounds[row] : bounds[row + 1]]
            records.append(
                ImageRecord(
                    id=raw["id"],
                    file_name=raw["file_name"],
                    width=int(raw["width"]),
                    height=int(raw["height"]),
                    boxes=boxes[own],
                    keypoints=keypoints[own],
                    areas=areas[own],
                    crowd=persons.crowd[own],
                    ids=persons.ids[own],
                    num_keypoints=persons.num_keypoints[own],
                    segmentations=[self._segmentations[i] for i in own],
                    extra=raw,
                )
            )
        return records


def _tables(path: Path, content: bytes) -> tuple[JsonTable, JsonTable, JsonTable]:
    raw = parse(path, content)
    if not isinstance(raw, dict):
        kind = type(raw).__name__
        fail(path, "file", f"a JSON {kind}, not an object", "give annotations, not results")
    tables = []
    for name in ("images", "annotations", "categories"):
        if name not in raw:
            fail(path, name, "missing", f"add the COCO list '{name}'")
        tables.append(JsonTable(path, name, raw[name]))
    return tuple(tables)


def _choose(categories: JsonTable, name: str | None) -> dict:
    categories.unique_ids()
    if name is None and len(categories) == 1:
        return categories.rows[0]
    wanted = name or "person"
    for category in categories.rows:
        if category.get("name") == wanted:
            return category
    found = ", ".join(str(category.get("name")) for category in categories.rows[:5]) or "none"
    fail(categories.path, "categories", f"no '{wanted}' (found: {found})", f"add '{wanted}'")


def _skeleton(path: Path, category: dict, given: Skeleton | None) -> tuple[Skeleton, bool]:
    """Returns the skeleton of the category, and whether the category itself names keypoints."""
    names = category.get("keypoints")
    if not names:
        return given or COCO_17, False
    for known in ((given,) if given else ()) + _KNOWN_SKELETONS:
        if names == list(known.keypoints):
            return known, True
    limbs = category.get("skeleton") or []
    try:
        # The file counts keypoints from 1.
        limbs = [[start - 1, end - 1] for start, end in limbs]
    except (TypeError, ValueError):
        fail(path, "categories.skeleton", "not a list of pairs", "give pairs of joint numbers")
    content = {"name": category.get("name", "custom"), "keypoints": names, "limbs": limbs}
    if isinstance(names, list):
        content["sigmas"] = [default_sigma(str(name)) or _MEAN_SIGMA for name in names]
    try:
        return Skeleton.from_dict(content), True
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        fail(path, "categories.keypoints", problem, remedy)


def _check_images(images: JsonTable) -> np.ndarray:
    names = images.column("file_name", "name the photo's file")
    bad = np.array([not (isinstance(name, str) and name) for name in names])
    images.fail_first(bad, "file_name", "{} is not a name", "name the photo's file")
    for side in ("width", "height"):
        bad = images.integers(side) <= 0
        images.fail_first(bad, side, "{} is not positive", "give the photo's size in pixels")
    return images.unique_ids()


def _of_category(annotations: JsonTable, categories: JsonTable, category_id: int) -> JsonTable:
    # Merged files repeat ids on different photos. That is harmless here, as nothing looks persons
    # up by id; twice on one photo is the same person twice.
    annotations.unique_ids(within="image_id")
    category_ids = annotations.integers("category_id")
    unknown = ~np.isin(category_ids, categories.integers("id"))
    annotations.fail_first(unknown, "category_id", "{} is not in categories", "add the category")
    return annotations.select(category_ids == category_id)


def _persons(
    entries: JsonTable, image_ids: np.ndarray, skeleton: Skeleton, has_names: bool
) -> Persons:
    wanted = entries.integers("image_id")
    unknown = ~np.isin(wanted, image_ids)
    entries.fail_first(unknown, "image_id", "{} is not in images", "add the image")
    order = np.argsort(image_ids)

    xywh = entries.vectors("bbox", 4, "give [left, top, width, height] in pixels")
    negative = (xywh[:, 2:] < 0).any(axis=1)
    entries.fail_first(negative, "bbox", "negative size: {}", "give width and height, not a corner")

    width = 3 * skeleton.num_keypoints
    if has_names or any("keypoints" in entry for entry in entries.rows):
        keypoints = entries.vectors(
            "keypoints", width, f"give {width} numbers (x, y, v), all 0 if none is labelled"
        )
    else:  # a detection file such as COCO's instances_*.json: boxes only
        keypoints = np.zeros((len(entries), width))
    keypoints = keypoints.reshape(len(entries), skeleton.num_keypoints, 3)

    areas, has_area = entries.optional("area")
    count, has_count = entries.optional("num_keypoints")
    crowd, _ = entries.optional("iscrowd")
    return Persons(
        ids=entries.integers("id"),
        image=order[np.searchsorted(image_ids, wanted, sorter=order)],
        xywh=xywh,
        areas=np.where(has_area, areas, xywh[:, 2] * xywh[:, 3]),
        crowd=crowd != 0,
        keypoints=keypoints,
        num_keypoints=np.where(has_count, count, (keypoints[:, :, 2] > 0).sum(axis=1)).astype(int),
    )
