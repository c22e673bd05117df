"""Photos in the rows of Parquet tables."""

import numpy as np
import pytest
from command_line import paint

from multiposenet import sources
from multiposenet.errors import InputError
from multiposenet.sources import table

pyarrow = pytest.importorskip("pyarrow", reason="tables need pyarrow")


def written(path, columns, rows_in_group=2):
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, row_group_size=rows_in_group)
    return path


@pytest.fixture
def photos(tmp_path):
    made = [paint(tmp_path / f"{n}.png", [(n, 0, 60 + n, 60)]) for n in range(5)]
    return made, [photo.read_bytes() for photo in made]


def test_rows_hold_photos_in_order_over_groups(tmp_path, photos):
    files, contents = photos
    path = written(tmp_path / "t.parquet", {"bytes": contents, "file_name": list("abcde")})
    assert [str(name) for _, name in table.rows(path)] == list("abcde")
    for frame, file in zip(sources.frames(path), files, strict=True):
        np.testing.assert_array_equal(frame.image, sources.read_image(file))


def test_hugging_faces_column_of_images(tmp_path, photos):
    files, contents = photos
    cells = [{"bytes": content, "path": None} for content in contents]
    path = written(tmp_path / "t.parquet", {"image": cells, "image_id": [9, 8, 7, 6, 5]})
    (first, name), *_ = table.rows(path)
    assert name.name == "9" and first.content() == contents[0]


def test_paths_are_from_the_tables_folder_on(tmp_path, photos):
    path = written(tmp_path / "t.parquet", {"path": ["3.png", "file:///a/b.jpg", "https://x/c"]})
    found = [item for item, _ in table.rows(path)]
    assert found == [tmp_path / "3.png", "file:///a/b.jpg", "https://x/c"]


def test_a_bad_row_costs_itself(tmp_path, photos):
    contents = [photos[1][0], None, b"no image", photos[1][1]]
    path = written(tmp_path / "t.parquet", {"bytes": contents})
    kinds = [isinstance(item, InputError) for item in sources.frames(path)]
    assert kinds == [False, True, True, False]


def test_what_is_no_table_of_photos_is_told(tmp_path):
    path = written(tmp_path / "t.parquet", {"number": [1]})
    (error,) = sources.frames(path)
    assert "columns: number; one of bytes, image and path is wanted" in str(error)
    path.write_bytes(b"PAR1 and no more")
    (error,) = sources.frames(path)
    assert isinstance(error, InputError) and "write it again" in str(error)
    assert "\n" not in str(error)
