"""Other file systems, of which pyarrow's own for local files stands for all."""

import numpy as np
import pytest
from command_line import paint

from multiposenet import sources
from multiposenet.errors import InputError
from multiposenet.sources import remote

pytest.importorskip("pyarrow", reason="other file systems need pyarrow")


def test_a_folder_ends_in_a_slash(tmp_path):
    for name in ("b c.png", "a.png", "sub/d#1.png", ".hidden.png", "notes.txt"):
        paint(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_text("")
    address = f"file://{tmp_path}/"
    assert remote.files(address) == [f"{address}a.png", f"{address}b c.png"]
    assert remote.files(address, recursive=True)[-1] == f"{address}sub/d#1.png"
    assert not sources.is_single(address) and sources.is_single(f"{address}a.png")
    frames = list(sources.frames(address, recursive=True))
    assert [frame.name for frame in frames] == remote.files(address, recursive=True)
    np.testing.assert_array_equal(frames[0].image, sources.read_image(tmp_path / "a.png"))


@pytest.mark.parametrize("name", ["missing.png", "missing/", ""])
def test_what_is_not_there_is_told(tmp_path, name):
    (error,) = sources.frames(f"file://{tmp_path}/{name}")
    assert isinstance(error, InputError) and str(error).startswith(f"file://{tmp_path}/{name}: f")
    assert "\n" not in str(error)


def test_too_many_bytes_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "MOST", 10)
    (tmp_path / "a.png").write_bytes(bytes(11))
    with pytest.raises(InputError, match="size: more than"):
        remote.content(f"file://{tmp_path}/a.png")
