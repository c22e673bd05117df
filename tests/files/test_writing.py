"""Files appear whole or not at all, and what is no plain file stays what it is."""

import os
import stat
import threading

import pytest

from multiposenet.errors import InputError
from multiposenet.files import writing
from multiposenet.training.loop.run_lock import run_lock


def write(path, text="new"):
    with writing.atomic_write(path) as partial:
        partial.write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    with writing.atomic_write(path) as partial:
        partial.write_text("new")
        assert not path.exists() and partial.parent == tmp_path and partial.suffix == ".json"
    assert path.read_text() == "new" and names(tmp_path) == ["a.json"]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyError), writing.atomic_write(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old" and names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("there", (False, True))
def test_permissions(tmp_path, there):
    """Those of the file that was there, or of any new file."""
    path, other = tmp_path / "a", tmp_path / "b"
    other.write_text("")
    if there:
        path.write_text("old")
        path.chmod(0o640)
    write(path)
    expected = 0o640 if there else stat.S_IMODE(other.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.mark.parametrize("length", (1, 250, 255))
@pytest.mark.parametrize("suffix", (".json", ".weights.h5", ""))
def test_names_of_any_length(tmp_path, length, suffix):
    name = "ü" * ((length - len(suffix) - 1) // 2) + "x" + suffix
    write(tmp_path / name)
    assert names(tmp_path) == [name]


def test_keras_knows_the_temporary_file(tmp_path):
    with writing.atomic_write(tmp_path / "a.b.weights.h5") as partial:
        assert partial.name.endswith(".weights.h5")


@pytest.mark.parametrize("dangling", (False, True))
def test_a_link_stays_one(tmp_path, dangling):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    if not dangling:
        target.write_text("old")
    link.symlink_to(target)
    write(link)
    assert link.is_symlink() and target.read_text() == "new"
    assert names(target.parent) == ["target"]


def test_a_device_stays_one(tmp_path):
    write(os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    write(link)
    assert link.is_symlink() and stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_into(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(timeout=10)
    assert read == ["new"] and stat.S_ISFIFO(os.stat(pipe).st_mode)


def test_a_folder_or_a_missing_one_is_one_line(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none" / "a.json"):
        with pytest.raises(OSError) as caught:
            write(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert names(tmp_path) == ["folder"]


def test_two_writers_at_once_leave_one_whole_file(tmp_path):
    path, texts = tmp_path / "a", [letter * 100_000 for letter in "abcdefgh"]
    threads = [threading.Thread(target=write, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts and names(tmp_path) == ["a"]


def test_what_killed_processes_left_is_removed(tmp_path):
    (tmp_path / writing._prefix(tmp_path / "a.npz")).with_suffix(".npz").write_text("half")
    other = (tmp_path / writing._prefix(tmp_path / "b.npz")).with_suffix(".npz")
    other.write_text("somebody's")
    writing.remove_partials(tmp_path / "a.npz")
    assert names(tmp_path) == [other.name]


def test_one_process_trains_a_stage(tmp_path):
    path = tmp_path / "stage.lock"
    with run_lock(path):
        with pytest.raises(InputError, match="another process trains this stage"), run_lock(path):
            pass
    with run_lock(path):  # no lock is stale
        pass
