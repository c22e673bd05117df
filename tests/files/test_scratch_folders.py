"""Folders for a while: gone with their process, however it ends, or with the next one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from multiposenet.files import file_lock, scratch_folders
from multiposenet.files.scratch_folders import scratch_folder

HOLDER = """
import sys, time
from multiposenet.files.scratch_folders import scratch_folder
with scratch_folder(sys.argv[1], ".work.") as folder:
    (folder / "file").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""
ONE, TWO, LINK = (f"ours.0000000{number}" for number in (1, 2, 3))
OTHER = "other.00000001"


def test_it_is_there_for_the_block_and_for_nobody_else(tmp_path):
    with scratch_folder(tmp_path, "a") as one, scratch_folder(tmp_path, "a") as other:
        (one / "deep").mkdir()
        (one / "deep" / "file").write_text("text")
        assert one != other and other.is_dir()
        assert os.name == "nt" or one.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path, "a"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows")
def test_what_a_kill_leaves_the_next_one_removes(tmp_path):
    command = [sys.executable, "-c", HOLDER, tmp_path]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, alive = (Path(process.stdout.readline().strip()) for process in processes)
    (tmp_path / ".work.deadbeef.lock").touch()  # a kill before its folder was made
    processes[0].kill()
    processes[0].communicate()
    assert (killed / "file").exists()
    with scratch_folder(tmp_path, ".work.") as folder:
        locks = {f"{each.name}.lock" for each in (alive, folder)}
        assert {path.name for path in tmp_path.iterdir()} == {alive.name, folder.name} | locks
        assert (alive / "file").read_text() == "half"
    processes[1].terminate()
    processes[1].communicate()


def test_what_only_looks_abandoned_stays(tmp_path, monkeypatch):
    """No file of others is touched: not behind a link, of another user, or of another name."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    parent = tmp_path / "parent"
    for name in (ONE, TWO, "ours.2", OTHER):
        (parent / name).mkdir(parents=True)
    for name in (ONE, LINK, OTHER):
        (parent / f"{name}.lock").touch()
    (parent / LINK).symlink_to(kept)
    with monkeypatch.context() as patch:
        patch.setattr(scratch_folders, "_is_own", lambda path: False)
        with scratch_folder(parent, "ours."):
            assert (parent / ONE).is_dir()
    with scratch_folder(parent, "ours."):
        pass
    left = {path.name for path in parent.iterdir()}
    assert left == {"ours.2", LINK, OTHER, f"{OTHER}.lock"}
    assert (kept / "file").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    with pytest.raises(OSError), scratch_folder(tmp_path / "none", "a"):
        pass


def test_who_looks_for_abandoned_ones_meanwhile_does_no_harm(tmp_path, monkeypatch):
    """The lock is taken by somebody else just before its maker takes it."""
    take, meanwhile = file_lock.held, []

    def held(path, wait=False):
        if wait and not meanwhile:
            meanwhile.append(path)
            path.touch()
            scratch_folders.remove_abandoned(tmp_path, "a")
            assert not path.exists()
        return take(path, wait)

    monkeypatch.setattr(file_lock, "held", held)
    with scratch_folder(tmp_path, "a") as folder:
        scratch_folders.remove_abandoned(tmp_path, "a")
        assert folder.is_dir()
    assert meanwhile and list(tmp_path.iterdir()) == []
