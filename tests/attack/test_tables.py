"""Damaged tables of photos."""

import functools
import io
from pathlib import PurePosixPath

import pytest
from attacked import answer, is_error
from damage import damaged_bytes
from hypothesis import given
from PIL import Image

from multiposenet import sources
from multiposenet.sources import Frame

pyarrow = pytest.importorskip("pyarrow", reason="tables need pyarrow")


@functools.cache
def originals():
    from pyarrow import parquet

    photo = io.BytesIO()
    Image.new("RGB", (40, 24), (200, 0, 0)).save(photo, "PNG")
    photos = [photo.getvalue()] * 3
    found = []
    for columns in (
        {"bytes": photos, "file_name": ["a", "b", "c"]},
        {"image": [{"bytes": content, "path": None} for content in photos]},
        {"path": ["missing.png", "also.png"], "image_id": [1, 2]},
    ):
        stream = io.BytesIO()
        parquet.write_table(pyarrow.table(columns), stream, row_group_size=2)
        found.append(stream.getvalue())
    return found


@given(damaged_bytes(originals()))
def test_a_damaged_table_gives_photos_or_errors(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "attacked.parquet"
    path.write_bytes(content)
    for item in answer(lambda: list(sources.frames(path))):
        assert is_error(item) or isinstance(item, Frame)
        if is_error(item):
            assert "\n" not in str(item)
        else:
            assert (item.image == (200, 0, 0)).all()
    rows = answer(lambda: list(sources.table_rows(path)))
    assert is_error(rows) or all(type(name) is PurePosixPath for _, name in rows)
