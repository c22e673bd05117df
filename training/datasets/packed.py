"""Photos with their labels in few large files, Parquet, which `multiposenet pack` writes.

    folder/packed.json          the files, in order, with their numbers of photos; the keypoints
    folder/00000.parquet        a row a photo: its file (`bytes`), a PNG of its mask, its labels
    folder/packing.json         there until all is packed: of what

Labels are read without the photos; these come a group of rows at a time. `predict` and Ray Data
read the same files.
"""

import hashlib
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from multiposenet.errors import AnnotationError, InputError
from multiposenet.files import arrow, bounded_files, writing
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.sources import TableRow, read_frame
from multiposenet.training.datasets.sample import Sample, to_skeleton

INDEX, BEGUN = "packed.json", "packing.json"
SHARD = 256  # photos in a file
_GROUP = 16  # photos that are read at once
_MOST = 1 << 28  # bytes of the index


@dataclass(frozen=True, eq=False)
class PackedSample(Sample):
    """A `Sample` in a row of a table; its path, the file's name in that of the table, is no file.

    Attributes:
        row: of the photo.
        mask_row: of its mask, or None.
    """

    row: TableRow | None = None
    mask_row: TableRow | None = None

    @property
    def files(self) -> tuple[Path | None, ...]:
        return (self.row.table,)

    @property
    def has_mask(self) -> bool:
        return self.mask_row is not None

    def read_image(self) -> np.ndarray:
        image = read_frame(self.row).image
        if image.shape[:2] != tuple(self.image_size):
            raise InputError(f"{self.path}: size: is not that of its labels; pack again")
        return image

    def read_mask(self) -> np.ndarray | None:
        if self.mask_row is None:
            return None
        try:
            with Image.open(io.BytesIO(self.mask_row.content()), formats=["PNG"]) as mask:
                if mask.mode != "L" or mask.size[::-1] != tuple(self.image_size):
                    raise ValueError("no mask of its photo")
                return np.asarray(mask)
        except (OSError, ValueError, SyntaxError) as error:  # SyntaxError: Pillow's, of chunks
            raise InputError(f"{self.mask_row}: mask: {error!s:.200}; pack again") from error


def write(
    samples: Sequence[Sample],
    skeleton: Skeleton,
    folder: Path,
    shard: int = SHARD,
    failed: Callable[[InputError], None] | None = None,
    shown: Callable[[Sequence[Sample]], Iterable[Sample]] = iter,
) -> int:
    """Packs samples; a folder without the index, which comes last, is not finished.

    Files appear as a whole. What an earlier call with the same samples has left when it was ended
    is kept, but for files that lack photos, which are told once more.

    Args:
        samples: in the order in which they are to be.
        skeleton: of their keypoints.
        folder: exists, and is empty or `unfinished`.
        shard: photos in a file.
        failed: called with the error of a photo that cannot be used, which is left out; None
            raises it.
        shown: goes through the samples, and shows how far.

    Returns:
        How many photos were packed.

    Raises:
        InputError: pyarrow is not installed, what was begun was other samples, or as of `failed`.
    """
    pyarrow, parquet, _ = arrow.modules(folder)
    names = [f"{number:05d}.parquet" for number in range(-(-len(samples) // shard))]
    writing.remove_partials(*(folder / name for name in (INDEX, BEGUN, *names)))
    _begin(folder, {"of": _digest(samples), "skeleton": skeleton.to_dict(), "shard": shard})
    schema, files, rest = _schema(pyarrow), [], iter(shown(samples))
    for name in names:
        part, count = list(itertools.islice(rest, shard)), 0
        if (folder / name).exists() and parquet.read_metadata(folder / name).num_rows == len(part):
            files.append({"file": name, "photos": len(part)})
            continue
        with writing.atomic_write(folder / name) as partial:
            with parquet.ParquetWriter(partial, schema, compression="none") as table:
                for first in range(0, len(part), _GROUP):
                    rows = list(_rows(part[first : first + _GROUP], failed))
                    if rows:
                        table.write_table(pyarrow.Table.from_pylist(rows, schema))
                    count += len(rows)
        files.append({"file": name, "photos": count})
    index = {"format": 1, "skeleton": skeleton.to_dict(), "files": files}
    writing.write_json(folder / INDEX, index)
    (folder / BEGUN).unlink()
    return sum(file["photos"] for file in files)


def unfinished(folder: Path) -> bool:
    """Whether a call of `write` was ended before all was packed."""
    return (folder / BEGUN).is_file()


def _begin(folder: Path, about: dict) -> None:
    path = folder / BEGUN
    if not unfinished(folder):
        writing.write_json(path, about)
        return
    try:
        before = bounded_files.read_json(path, _MOST)
    except bounded_files.Unreadable:
        before = None
    if before != json.loads(json.dumps(about)):
        raise InputError(
            f"{path}: file: other photos, labels or options were begun; name another folder"
        )


def _digest(samples: Sequence[Sample]) -> str:
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.path} {sample.image_size}".encode(errors="surrogateescape"))
        for name in _shapes(0):
            digest.update(np.ascontiguousarray(getattr(sample, name)).tobytes())
    return digest.hexdigest()


def skeleton_of(folder: str | Path) -> Skeleton:
    """The keypoints of a packed data set.

    Raises:
        InputError: the folder is none, or is not finished.
    """
    return _index(Path(folder))[0]


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the labels of a packed data set; photos are read later.

    Args:
        folder: as `write` has left it.
        skeleton: target skeleton of the keypoints.

    Raises:
        InputError: the folder is none, or is not finished.
        AnnotationError: a file is damaged or missing.
    """
    own, files = _index(Path(folder))
    samples = []
    for name, count in files:
        path = Path(folder) / name
        found = list(_read_shard(path, own, skeleton))
        if len(found) != count:
            raise AnnotationError(
                f"{path}: file: has {len(found)} photos, {count} are wanted; pack again"
            )
        samples += found
    return samples


def _index(folder: Path) -> tuple[Skeleton, list[tuple[str, int]]]:
    path = folder / INDEX
    try:
        content = bounded_files.read_json(path, _MOST)
        files = [(Path(file["file"]).name, int(file["photos"])) for file in content["files"]]
        return Skeleton.from_dict(content["skeleton"]), files
    except (bounded_files.Unreadable, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: file: missing or damaged; multiposenet pack writes it in the end"
        ) from error


def _shapes(num_keypoints: int) -> dict:
    """Name -> shape for each person, of the arrays that every sample has."""
    points = {"keypoints": (num_keypoints, 3), "labelled": (num_keypoints,)}
    return {"boxes": (4,), **points, "areas": (), "crowd_boxes": (4,)}


def _schema(pyarrow):
    numbers = pyarrow.list_(pyarrow.float32())
    fields = [("file_name", pyarrow.string()), ("bytes", pyarrow.binary())]
    fields += [("mask", pyarrow.binary()), ("width", pyarrow.int32()), ("height", pyarrow.int32())]
    fields += [(name, numbers) for name in _shapes(0) if name != "labelled"]
    fields += [("labelled", pyarrow.list_(pyarrow.bool_())), ("head_sizes", numbers)]
    return pyarrow.schema([*fields, ("complete", pyarrow.bool_()), ("single", pyarrow.bool_())])


def _rows(samples: list[Sample], failed) -> Iterator[dict]:
    for sample in samples:
        try:
            sample.read_image()  # what cannot be used is told now, not in the middle of a training
            content, mask = _bytes(sample), sample.read_mask()
        except InputError as error:
            if failed is None:
                raise
            failed(error)
            continue
        height, width = sample.image_size
        row = {"file_name": sample.path.name, "bytes": content, "mask": _png(mask)}
        row |= {"width": width, "height": height}
        row |= {name: np.ravel(getattr(sample, name)).tolist() for name in _shapes(0)}
        heads = sample.head_sizes
        row["head_sizes"] = None if heads is None else np.ravel(heads).tolist()
        yield row | {"complete": bool(sample.complete), "single": bool(sample.single)}


def _bytes(sample: Sample) -> bytes:
    """The file as it is, or of a photo that is in memory a PNG."""
    if isinstance(sample, PackedSample):
        return sample.row.content()
    if sample.path.is_file():
        return sample.path.read_bytes()
    return _png(sample.read_image())


def _png(pixels) -> bytes | None:
    if pixels is None:
        return None
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _read_shard(path: Path, own: Skeleton, skeleton: Skeleton) -> Iterator[PackedSample]:
    pyarrow, parquet, _ = arrow.modules(path)
    known = [field.name for field in _schema(pyarrow) if field.name not in ("bytes", "mask")]
    try:
        with parquet.ParquetFile(path) as table:
            rows = table.read(columns=known).to_pylist()
            masks = parquet.read_table(path, columns=["mask"]).column(0).is_valid().to_pylist()
        for place, (row, masked) in enumerate(zip(rows, masks, strict=True)):
            yield _sample(path, place, row, masked, own, skeleton)
    except (OSError, pyarrow.ArrowException, KeyError, TypeError, ValueError) as error:
        if isinstance(error, AnnotationError):
            raise
        reason = " ".join(str(error).split())
        raise AnnotationError(f"{path}: file: damaged ({reason:.200}); pack again") from error


def _sample(path, place, row, masked, own, skeleton) -> PackedSample:
    arrays = {
        name: np.array(row[name], bool if name == "labelled" else np.float32).reshape(-1, *shape)
        for name, shape in _shapes(own.num_keypoints).items()
    }
    keypoints, shared = to_skeleton(arrays.pop("keypoints"), own, skeleton)
    labelled = arrays.pop("labelled")[:, np.maximum(skeleton.indices_from(own), 0)] & shared
    heads = row["head_sizes"]
    return PackedSample(
        path=path / str(place) / row["file_name"],  # two photos may have one name
        image_size=(row["height"], row["width"]),
        keypoints=keypoints,
        labelled=labelled,
        complete=row["complete"],
        single=row["single"],
        head_sizes=None if heads is None else np.array(heads, np.float32),
        row=TableRow(path, place),
        mask_row=TableRow(path, place, "mask") if masked else None,
        **arrays,
    )
