"""Photos in Parquet tables: a column `bytes`, `image` as Hugging Face has it, or `path`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from multiposenet.errors import InputError
from multiposenet.files.arrow import modules
from multiposenet.sources.encoded import is_url
from multiposenet.sources.image_files import reason
from multiposenet.sources.remote import is_remote

BYTES, IMAGE, PATH = "bytes", "image", "path"
_NAMES = ("file_name", PATH, "image_id")  # columns that may name the photo


@dataclass(frozen=True)
class TableRow:
    """A photo whose bytes are in a row of a table.

    Attributes:
        table: the file.
        row: counted from 0.
        column: that holds them; by default the table's first that can.
    """

    table: Path
    row: int
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.table}[{self.row}]"

    def content(self) -> bytes:
        """The encoded photo.

        Raises:
            InputError: the table cannot be read, or has nothing there.
        """
        try:
            ends, column = _index(self.table, _stamp(self.table))
            column = self.column or column
            group = int(np.searchsorted(ends, self.row, side="right"))
            first = int(ends[group - 1]) if group else 0
            cells = _group(self.table, _stamp(self.table), group, column)
            cell = cells[self.row - first].as_py()
        except (OSError, ValueError, IndexError) as error:
            raise InputError(f"{self}: file: {reason(error):.200}; write it again") from error
        found = cell.get(BYTES) if isinstance(cell, dict) else cell
        if not isinstance(found, bytes):
            raise InputError(f"{self}: {column}: holds no bytes; leave the row out")
        return found


def is_table(source) -> bool:
    """Whether a source is a Parquet file by its name."""
    return Path(source).suffix.lower() == ".parquet"


def rows(path: Path) -> Iterator[tuple[TableRow | Path | str, PurePosixPath]]:
    """Goes through the photos of a table without reading their bytes.

    Args:
        path: the file. Of its columns `bytes` (binary), or `image` with a field `bytes`, holds the
            photos, else `path` says where they are, from the table's folder on, or by an address;
            `file_name`, `path` or `image_id`, of those that there are the first, names them.

    Yields:
        The row, or its path or address, and the photo's name.

    Raises:
        InputError: it cannot be read or has no such column.
    """
    pyarrow, parquet, _ = modules(path)
    try:
        with parquet.ParquetFile(path) as table:
            schema = table.schema_arrow
            held = _holding(schema)
            if held is None and PATH not in schema.names:
                raise InputError(
                    f"{path}: columns: {', '.join(schema.names)[:200]}; one of {BYTES}, {IMAGE} "
                    f"and {PATH} is wanted"
                )
            naming = next((name for name in _NAMES if name in schema.names), None)
            wanted = {naming, None if held else PATH} - {None}
            place = 0
            for batch in table.iter_batches(columns=sorted(wanted)):
                names = batch.column(naming).to_pylist() if naming else [None] * len(batch)
                paths = names if held else batch.column(PATH).to_pylist()
                for name, source in zip(names, paths, strict=True):
                    name = f"{path.stem}-{place}" if name is None else PurePosixPath(str(name)).name
                    item = TableRow(path, place) if held else placed(str(source), path.parent)
                    yield item, PurePosixPath(name)
                    place += 1
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path}: file: {reason(error):.200}; write it again") from error


def placed(source: str, folder: Path = Path()) -> Path | str:
    """What a text in a column `path` stands for: an address, or a file from a folder on."""
    return source if is_url(source) or is_remote(source) else folder / source


def _holding(schema) -> str | None:
    """The column that holds the photos themselves."""
    from pyarrow import types  # of a schema that pyarrow has read

    for name in (BYTES, IMAGE):
        if name in schema.names:
            kind = schema.field(name).type
            if types.is_struct(kind) and kind.get_field_index(BYTES) >= 0:
                return name
            if types.is_binary(kind) or types.is_large_binary(kind):
                return name
    return None


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns


@lru_cache(maxsize=64)
def _index(path: Path, stamp) -> tuple[np.ndarray, str]:
    """Where each group of rows ends, and the column that holds the photos."""
    _, parquet, _ = modules(path)
    with parquet.ParquetFile(path) as table:
        about = table.metadata
        counts = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        return np.cumsum(counts), _holding(table.schema_arrow)


@lru_cache(maxsize=2)  # photos are mostly read in order, and a group may be large
def _group(path: Path, stamp, group: int, column: str):
    _, parquet, _ = modules(path)
    with parquet.ParquetFile(path) as table:
        return table.read_row_group(group, columns=[column]).column(0)
