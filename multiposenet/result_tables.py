"""COCO results, as `poses.json` has them, in tables: a row a person; and a table of errors."""

from collections.abc import Iterable
from contextlib import ExitStack, contextmanager

from multiposenet.errors import InputError
from multiposenet.files import arrow, writing

_ROWS = 10_000  # held at once, and in a group of a file


def rows_of(poses, image_id, file_name: str | None) -> list[dict]:
    """The COCO results of a photo, which every engine leaves.

    Args:
        poses: `Poses`.
        image_id: COCO's id of the photo.
        file_name: of the photo.

    Raises:
        InputError: a number is not finite; the message does not name the photo.
    """
    rows = poses.to_coco(image_id=image_id, file_name=file_name)
    try:
        writing.json_text(rows, allow_nan=False)
    except ValueError as error:
        raise InputError(
            f"result: cannot be written (ValueError: {error:.200}); the other photos are done"
        ) from error
    return rows


def person_type(name="people"):
    """The type of a person's row, a `pyarrow.StructType`.

    Args:
        name: what it is wanted for, for the message.

    Raises:
        InputError: pyarrow is not installed.
    """
    pyarrow, _, _ = arrow.modules(name)
    numbers = pyarrow.list_(pyarrow.float64())
    fields = [("image_id", pyarrow.int64()), ("file_name", pyarrow.string())]
    fields += [("category_id", pyarrow.int64()), ("keypoints", numbers)]
    fields += [("score", pyarrow.float64()), ("bbox", numbers), ("box_score", pyarrow.float64())]
    return pyarrow.struct(fields)


def error_type(name="errors"):
    """The type of a row of the table of errors; see `person_type`."""
    pyarrow, _, _ = arrow.modules(name)
    fields = [("image_id", pyarrow.int64()), ("file_name", pyarrow.string())]
    return pyarrow.struct([*fields, ("error", pyarrow.string())])


def write(path, rows: Iterable[dict], kind) -> None:
    """Writes a Parquet table, whole or not at all, holding few rows.

    Args:
        path: of the file.
        rows: dictionaries.
        kind: their type, of `person_type` or `error_type`.
    """
    with writer(path, kind) as add:
        for row in rows:
            add(row)


@contextmanager
def writer(path, kind):
    """A function that adds a row to a table, which is there when the block has ended well."""
    pyarrow, parquet, _ = arrow.modules(path)
    schema, waiting = pyarrow.schema(list(kind)), []
    with ExitStack() as stack:
        partial = stack.enter_context(writing.atomic_write(path))
        table = stack.enter_context(parquet.ParquetWriter(partial, schema))

        def put():
            table.write_table(pyarrow.Table.from_pylist(waiting, schema))
            waiting.clear()

        def add(row):
            waiting.append(row)
            if len(waiting) == _ROWS:
                put()

        yield add
        put()
