"""From folders, patterns, arrays and lists to frames."""

import numpy as np
import pytest
from coloured_images import error_of
from PIL import Image

from multiposenet import sources
from multiposenet.errors import InputError
from multiposenet.sources import Frame, files, frames, is_single


@pytest.fixture
def folder(tmp_path, quarters):
    for name in ["b.png", "a.PNG", ".hidden.png", "c [1].png"]:
        Image.fromarray(quarters).save(tmp_path / name, format="png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "sub.png").mkdir()
    Image.fromarray(quarters).save(tmp_path / "sub.png" / "deep.png")
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_files_of_a_folder_a_pattern_and_a_name(folder):
    assert names(files(folder)) == ["a.PNG", "b.png", "c [1].png"]
    assert names(files(f"{folder}/*.png")) == ["b.png", "c [1].png"]
    assert names(files(f"{folder}/*")) == ["a.PNG", "b.png", "c [1].png"]
    assert names(files(f"{folder}/**/*.png")) == ["b.png", "c [1].png", "deep.png"]
    assert names(files(f"{folder}/c [1].png")) == ["c [1].png"]
    assert names(files(folder / "notes.txt")) == ["notes.txt"]


def test_nothing_to_list(folder):
    assert "none.png: file: No such file" in error_of(files, folder / "none.png")
    assert "*.webp: pattern: matches no images" in error_of(files, f"{folder}/*.webp")
    (folder / "bare").mkdir()
    assert "bare: folder: has no images" in error_of(files, folder / "bare")


def test_frames_go_on_after_a_bad_file(folder, quarters):
    (folder / "aa.jpg").write_text("no image")
    listed = [folder, folder / "none.png", quarters, f"{folder}/b.*", f"{folder}/*.gif"]
    found = list(frames(listed))
    kinds = ["error" if isinstance(item, InputError) else item.name for item in found]
    plain = [str(folder / name) for name in ("a.PNG", "b.png", "c [1].png")]
    assert kinds == [plain[0], "error", *plain[1:], "error", "array 5", plain[1], "error"]
    assert found[0].path == folder / "a.PNG" and found[5].path is None
    np.testing.assert_array_equal(found[5].image, quarters)


def test_frames_are_lazy(folder, monkeypatch):
    read = []
    monkeypatch.setattr(sources, "read_image", lambda path, limits: read.append(path))
    stream = frames(path for path in files(folder))
    assert not read
    next(stream)
    assert len(read) == 1


def test_frames_of_arrays_stacks_pictures_and_frames(quarters):
    stack = np.stack([quarters, 255 - quarters])
    picture = Image.fromarray(quarters).convert("P")
    ready = Frame(quarters, "mine")
    found = list(frames([stack, picture, ready, quarters[..., 0]]))
    assert [frame.name for frame in found] == ["array 0", "array 1", "array 2", "mine", "array 4"]
    assert found[3] is ready
    np.testing.assert_array_equal(found[1].image, 255 - quarters)
    assert [type(item) for item in frames([None, 3, b"bytes"])] == [InputError] * 3


def test_is_single(folder, quarters):
    assert is_single(folder / "b.png") and is_single("missing.png") and is_single(quarters)
    assert is_single(f"{folder}/c [1].png") and is_single(Image.fromarray(quarters))
    assert not is_single(folder) and not is_single("*.png") and not is_single([quarters])
    assert not is_single(quarters[None])
