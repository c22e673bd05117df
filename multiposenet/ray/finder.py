"""What an actor does: batches of photos in, a row for each photo out.

If a worker has died over a batch, the next one looks at its photos one by one, until it is known
which of them does it.
"""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing

from multiposenet import overlapped, result_tables
from multiposenet.errors import InputError
from multiposenet.ray.suspects import LIMIT
from multiposenet.runtimes import exported

_AHEAD = 2  # photos that are read in advance


class Finder:
    """One system, loaded once; for `map_batches`.

    Args:
        load: returns the `System`.
        frames: from a list of rows, each a dictionary, to an iterator with the `Frame` of each, or
            in its place the `InputError`.
        threads: that the system's computations may use.
        suspects: `suspects.Shared`, of all actors.
    """

    def __init__(self, load: Callable, frames: Callable, threads: int, suspects):
        exported.limit_threads(threads)
        import cv2

        cv2.setNumThreads(threads)
        self._pose, self._frames, self._suspects = load(), frames, suspects
        suspects.arrive()

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
        keys = [hashlib.sha1(pickle.dumps(row), usedforsecurity=False).digest() for row in rows]
        deaths = self._suspects.deaths(keys)
        if not any(deaths):
            yield from self._found(rows, keys)
            return
        for row, key, times in zip(rows, keys, deaths, strict=True):
            if times < LIMIT:
                yield from self._found([row], [key])
                continue
            own = _empty(row)
            yield own | {
                "error": f"{own['file_name'] or 'photo'}: file: each of {times} workers died over "
                "it; leave it out, or see by --engine local what it does"
            }

    def _found(self, rows: list[dict], keys: list) -> Iterator[dict]:
        begun = map(self._suspects.begin, keys)
        frames = (frame for _, frame in zip(begun, self._frames(rows), strict=True))
        with closing(overlapped.ahead(frames, _AHEAD)) as frames:
            for row, key, item in zip(rows, keys, self._pose.stream(frames), strict=True):
                found = self._row(row, item)
                self._suspects.finish(key)
                yield found

    def _row(self, row, item) -> dict:
        own = _empty(row)
        if isinstance(item, InputError):
            return own | {"error": str(item)}
        try:
            people = result_tables.rows_of(item[1], own["image_id"], own["file_name"])
            return own | {"people": people, "note": self._pose.advice(*item)}
        except InputError as error:
            return own | {"error": f"{own['file_name']}: {error}"}


def photo_type():
    """The type of a row: `people` as in `poses.json`, `error` and `note`, null for none."""
    import pyarrow

    kept = [result_tables.error_type().field(name) for name in ("image_id", "file_name", "error")]
    people = pyarrow.field("people", pyarrow.list_(result_tables.person_type()))
    return pyarrow.struct([*kept[:2], people, kept[2], ("note", pyarrow.string())])


def _empty(row: dict) -> dict:
    """A photo's row before it is seen; with its id and name, as far as they are known."""
    image_id, name = row.get("image_id"), row.get("file_name", row.get("path"))
    return {
        "image_id": None if image_id is None else int(image_id),
        "file_name": None if name is None else str(name),
        "people": [],
    }
