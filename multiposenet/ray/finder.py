"""What an actor does: batches of photos in, a row for each photo out."""

from collections.abc import Callable, Iterator
from contextlib import closing

from multiposenet import overlapped, result_tables
from multiposenet.errors import InputError
from multiposenet.runtimes import exported

_AHEAD = 2  # photos that are read in advance


class Finder:
    """One system, loaded once; for `map_batches`.

    Args:
        load: returns the `System`.
        frames: from a list of rows, each a dictionary, to an iterator with the `Frame` of each, or
            in its place the `InputError`.
        threads: that the system's computations may use.
    """

    def __init__(self, load: Callable, frames: Callable, threads: int):
        exported.limit_threads(threads)
        import cv2

        cv2.setNumThreads(threads)
        self._pose, self._frames = load(), frames

    def __call__(self, batch: dict):
        """A table of `photo_type` with a row for each photo of a batch, in its order.

        Args:
            batch: column -> array. `image_id` and `file_name` or `path`, where they are, name the
                photos.
        """
        import pyarrow

        columns = zip(*batch.values(), strict=True)
        rows = [dict(zip(batch, values, strict=True)) for values in columns]
        found = list(self._rows(rows))
        return pyarrow.Table.from_pylist(found, pyarrow.schema(list(photo_type())))

    def _rows(self, rows: list[dict]) -> Iterator[dict]:
        with closing(overlapped.ahead(self._frames(rows), _AHEAD)) as frames:
            for row, item in zip(rows, self._pose.stream(frames), strict=True):
                image_id, file_name = _named(row)
                own = {"image_id": image_id, "file_name": file_name, "people": []}
                if isinstance(item, InputError):
                    yield own | {"error": str(item)}
                    continue
                try:
                    people = result_tables.rows_of(item[1], image_id, file_name)
                    yield own | {"people": people, "note": self._pose.advice(*item)}
                except InputError as error:
                    yield own | {"error": f"{file_name}: {error}"}


def photo_type():
    """The type of a row: `people` as in `poses.json`, `error` and `note`, null for none."""
    import pyarrow

    kept = [result_tables.error_type().field(name) for name in ("image_id", "file_name", "error")]
    people = pyarrow.field("people", pyarrow.list_(result_tables.person_type()))
    return pyarrow.struct([*kept[:2], people, kept[2], ("note", pyarrow.string())])


def _named(row: dict) -> tuple[int | None, str | None]:
    """The photo's id and name, as far as they are known."""
    image_id, name = row.get("image_id"), row.get("file_name", row.get("path"))
    return None if image_id is None else int(image_id), None if name is None else str(name)
