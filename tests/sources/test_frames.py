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


def test_homes_and_names_that_begin_like_one(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert files("~/b.png") == [folder / "b.png"]
    monkeypatch.chdir(folder)
    (folder / "b.png").rename(folder / "~b.png")
    assert names(files("~b.png")) == ["~b.png"] and is_single("~b.png")
    (frame,) = frames("~b.png")
    assert frame.image.shape[2] == 3


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


def test_tensors_of_pytorch(quarters):
    torch = pytest.importorskip("torch")
    last = torch.from_numpy(quarters)
    first = last.permute(2, 0, 1)
    grey = (first[:1] / 255).requires_grad_()
    found = list(frames([last, first, torch.stack([first, first]), grey, last[..., 0]]))
    assert is_single(first) and not is_single(torch.stack([first, first]))
    for frame in found[:4]:
        np.testing.assert_array_equal(frame.image, quarters)
    for frame in found[4:]:
        np.testing.assert_array_equal(frame.image[..., 1], quarters[..., 0])
    (error,) = frames(torch.zeros(2, 20, 20))
    assert "shape: (2, 20, 20) is no image" in str(error)


def test_folders_below(folder, quarters):
    (folder / ".hidden").mkdir()
    Image.fromarray(quarters).save(folder / ".hidden" / "no.png")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    assert names(files(folder, recursive=True)) == ["a.PNG", "b.png", "c [1].png", "deep.png"]
    assert len(list(frames(folder, recursive=True))) == 4


@pytest.mark.parametrize("suffix", ["gif", "tiff"])
def test_all_pages(tmp_path, quarters, suffix):
    pictures = [Image.fromarray(np.roll(quarters, 3 * page, axis=1)) for page in range(3)]
    path = tmp_path / f"a.{suffix}"
    options = {"duration": [100, 200, 300]} if suffix == "gif" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    found = list(frames(path, all_pages=True))
    assert sources.pages(path) == range(3) and not is_single(path, all_pages=True)
    for page, frame in enumerate(found):
        np.testing.assert_array_equal(frame.image, pictures[page])
        assert (frame.name, frame.index) == (f"{path}[{page}]", page)
        assert frame.origin == {"source": frame.name, "image": frame.image}
    assert [frame.time for frame in found] == (
        pytest.approx([0, 0.1, 0.3]) if suffix == "gif" else [None] * 3
    )
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    *_, last = frames(path, all_pages=True)
    assert isinstance(last, InputError)


def test_frames_are_read_in_advance_but_not_those_of_the_caller(folder):
    assert [frame.name for frame in sources.frames_ahead(folder)] == [
        frame.name for frame in frames(folder)
    ]
    mine = iter([np.zeros((9, 9, 3), np.uint8)])
    stream = sources.frames_ahead(mine)
    assert not isinstance(next(stream), InputError) and next(mine, None) is None


def test_one_frame(folder, quarters):
    assert sources.one_frame(quarters).name == "array 0"
    with pytest.raises(ValueError, match="source: not one image"):
        sources.one_frame(folder)
    with pytest.raises(InputError, match="none.png"):
        sources.one_frame(folder / "none.png")
