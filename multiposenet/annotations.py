"""Reader of person annotations in COCO JSON: plain or gzip-compressed, numpy only.

The whole file becomes one columnar table (`Persons`) in which every check and every use is a
vectorised operation, so that COCO's 150,000 training persons load in seconds. `ImageRecord` is
the view of one photo. Field by field the format is https://cocodataset.org/#format-data; what
many files leave out (`segmentation`, `area`, `iscrowd`, `num_keypoints`) has a default.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from os.path import isfile  # unlike Path.is_file it raises nothing
from pathlib import Path

import numpy as np

from multiposenet import categories as category_list
from multiposenet import segmentations
from multiposenet.json_table import FAR, JsonTable, fail, parse, read_bytes
from multiposenet.skeleton import Skeleton

_MOST_PIXELS = 1_000_000  # of a side


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
        image_numbers: where the file's image ids are text, the number that stands for each in
            `image_ids`; else None.
    """

    path: Path
    skeleton: Skeleton
    category_id: int
    image_ids: np.ndarray
    persons: Persons
    fingerprint: str
    _raw_images: list = field(repr=False)
    _segmentations: list = field(repr=False)
    image_numbers: dict[str, int] | None = field(default=None, repr=False)

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
            skeleton: for a category that names no keypoints (default COCO_17, and also where the
                numbers of keypoints are those of COCO_17), and in place of the built one when its
                keypoint names are those of the category. Otherwise the file decides: a known
                skeleton with the category's names, or a new one.
            category: name of the category to read; by default the only one, or "person".

        Returns:
            The annotations; those of other categories are left out.

        Raises:
            AnnotationError: the file cannot be read or breaks the format; one line that names
                file, field and remedy.
        """
        path = Path(path)
        content = read_bytes(path)
        fingerprint = hashlib.sha256(content).hexdigest()
        return cls.from_content(parse(path, content), path, skeleton, category, fingerprint)

    @classmethod
    def from_content(
        cls,
        content: dict,
        path: str | Path,
        skeleton: Skeleton | None = None,
        category: str | None = None,
        fingerprint: str | None = None,
    ) -> "CocoAnnotations":
        """Checks what a COCO file would hold; as `load`.

        Args:
            content: the JSON object.
            path: what it was made of, for messages.
            skeleton, category: as of `load`.
            fingerprint: by default the sha256 of the content as JSON.

        Raises:
            AnnotationError: it breaks the format.
        """
        path = Path(path)
        if fingerprint is None:
            text = json.dumps(content, sort_keys=True, default=str)
            fingerprint = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        images, annotations, categories = _tables(path, content)
        chosen = category_list.choose(categories, category)
        image_ids, numbers = _check_images(images)
        entries = _of_category(annotations, categories, chosen["id"], numbers)
        skeleton, has_names = category_list.skeleton_of(path, chosen, skeleton, entries)
        rows, order = entries.references("image_id", numbers), np.argsort(image_ids)
        entries.fail_first(
            ~np.isin(rows, image_ids), "image_id", "{} is not in images", "add the image"
        )
        rows = order[np.searchsorted(image_ids, rows, sorter=order)]
        return cls(
            path=path,
            skeleton=skeleton,
            category_id=int(chosen["id"]),
            image_ids=image_ids,
            persons=_persons(entries, rows, skeleton, has_names),
            fingerprint=fingerprint,
            _raw_images=images.rows,
            _segmentations=_check_segmentations(entries, rows, images),
            image_numbers=numbers,
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

    def segmentation(self, row: int) -> list | dict | None:
        """The polygons or the run-length code of a row of `persons`, or None."""
        return self._segmentations[row]

    def rows_by_photo(self) -> list[list[int]]:
        """The rows of `persons` on each photo of `images`."""
        rows = [[] for _ in range(len(self))]
        for row, image in enumerate(self.persons.image.tolist()):
            rows[image].append(row)
        return rows

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
                    id=int(self.image_ids[row]),
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


def _tables(path: Path, raw) -> tuple[JsonTable, JsonTable, JsonTable]:
    if not isinstance(raw, dict):
        kind = type(raw).__name__
        fail(path, "file", f"a JSON {kind}, not an object", "give annotations, not results")
    tables = []
    for name in ("images", "annotations", "categories"):
        if name not in raw:
            fail(path, name, "missing", f"add the COCO list '{name}'")
        tables.append(JsonTable(path, name, raw[name]))
    return tuple(tables)


def is_file_name(value) -> bool:
    """Tells whether a value can name a photo: a text that does not end like a folder's."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.replace("\\", "/").rpartition("/")[2] not in ("", ".", "..")


def photo_path(folder: str | Path, file_name: str) -> Path:
    """Returns the file of a photo; backslashes of a name count as slashes if that finds a file."""
    path = Path(folder) / file_name
    if "\\" in file_name:
        other = Path(folder) / file_name.replace("\\", "/")
        return other if isfile(other) and not isfile(path) else path
    return path


def mask_path(folder: str | Path, file_name: str) -> Path:
    """Returns the mask of a photo: the PNG of its name in the folder of masks."""
    name = Path(file_name.replace("\\", "/"))
    return Path(folder) / f"{name.stem}.png"


def is_doubtful_area(area, box_area):
    """Tells whether areas are 1 or less, or less than 1 % of their boxes.

    OKS scales distances by the area: with areas as these AP is about 0 whatever is found.

    Args:
        area: number or array, in square pixels.
        box_area: likewise.
    """
    return (box_area > 4) & ((area <= 1) | (area < 0.01 * box_area))


def doubtful_areas(persons: Persons) -> np.ndarray:
    """Returns (P,) bool, the persons of whom `is_doubtful_area` holds, without crowds."""
    boxes = persons.xywh[:, 2] * persons.xywh[:, 3]
    return ~persons.crowd & is_doubtful_area(persons.areas, boxes)


def _check_images(images: JsonTable) -> tuple[np.ndarray, dict[str, int] | None]:
    names = images.column("file_name", "name the photo's file")
    bad = np.array([not is_file_name(name) for name in names])
    images.fail_first(bad, "file_name", "{} is not a name", "name the photo's file")
    for side in ("width", "height"):
        values = images.integers(side)
        images.fail_first(
            values <= 0, side, "{} is not positive", "give the photo's size in pixels"
        )
        images.fail_first(values > _MOST_PIXELS, side, "{} is too large", "give pixels")
    ids, numbers = images.keys()
    images.check_unique(ids)
    return ids, numbers


def _of_category(
    annotations: JsonTable, categories: JsonTable, category_id: int, numbers: dict | None
) -> JsonTable:
    # Merged files repeat ids on different photos. That is harmless here, as nothing looks persons
    # up by id; twice on one photo is the same person twice.
    annotations.check_unique(annotations.keys()[0], annotations.references("image_id", numbers))
    category_ids = annotations.integers("category_id")
    unknown = ~np.isin(category_ids, categories.integers("id"))
    annotations.fail_first(unknown, "category_id", "{} is not in categories", "add the category")
    return annotations.select(category_ids == category_id)


def _persons(entries: JsonTable, rows: np.ndarray, skeleton: Skeleton, has_names: bool) -> Persons:
    xywh = entries.vectors("bbox", 4, "give [left, top, width, height] in pixels")
    negative = (xywh[:, 2:] < 0).any(axis=1)
    entries.fail_first(negative, "bbox", "negative size: {}", "give width and height, not a corner")

    width = 3 * skeleton.num_keypoints
    count, has_count = entries.optional("num_keypoints", maximum=FAR)
    if has_names or any(entry.get("keypoints") for entry in entries.rows):
        empty = np.array([entry.get("keypoints") in (None, []) for entry in entries.rows], bool)
        remedy = f"give {width} numbers (x, y, v), all 0 if none is labelled"
        told = "none, where num_keypoints tells of some"
        entries.fail_first(empty & (count > 0), "keypoints", told, remedy)
        keypoints = entries.vectors("keypoints", width, remedy, none_for_zeros=True)
    else:  # a detection file such as COCO's instances_*.json: boxes only
        keypoints = np.zeros((len(entries), width))
    keypoints = keypoints.reshape(len(entries), skeleton.num_keypoints, 3)

    areas, has_area = entries.optional("area")
    crowd, _ = entries.optional("iscrowd")
    return Persons(
        ids=entries.keys()[0],
        image=rows,
        xywh=xywh,
        areas=np.where(has_area, areas, xywh[:, 2] * xywh[:, 3]),
        crowd=crowd != 0,
        keypoints=keypoints,
        num_keypoints=np.where(has_count, count, (keypoints[:, :, 2] > 0).sum(axis=1)).astype(int),
    )


def _check_segmentations(entries: JsonTable, rows: np.ndarray, images: JsonTable) -> list:
    """The segmentations, None for those that enclose nothing."""
    found, bad = [], {}
    sizes = [(int(image["height"]), int(image["width"])) for image in images.rows]
    for place, (entry, row) in enumerate(zip(entries.rows, rows.tolist(), strict=True)):
        segmentation = entry.get("segmentation")
        problem = segmentations.problem(segmentation, *sizes[row])
        if problem:
            bad[place] = problem
        else:
            found.append(segmentations.clean(segmentation))
    if bad:
        place, text = next(iter(bad.items()))
        problem, _, remedy = text.partition("; ")
        more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
        entries.fail(place, "segmentation", problem + more, remedy or "correct or remove it")
    return found
