"""One process at a time, and nobody for ever."""

import os
import subprocess
import sys
import threading

import pytest

from multiposenet.files import file_lock

HOLDER = """
import sys, time
from multiposenet.files.file_lock import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_one_is_refused_at_once_or_waits(tmp_path):
    path, order = tmp_path / "a.lock", []

    def wait():
        with file_lock.held(path, wait=True):
            order.append("second")

    with file_lock.held(path):
        with pytest.raises(file_lock.Held), file_lock.held(path):
            pass
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.15)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_no_lock_is_stale(tmp_path, end):
    path = tmp_path / "a.lock"
    command = [sys.executable, "-c", HOLDER, path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(file_lock.Held), file_lock.held(path):
        pass
    getattr(process, end)()
    process.communicate()
    assert path.exists() or os.name == "nt"  # but nobody holds it
    with file_lock.held(path):
        pass


def test_many_at_once_hold_it_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(file_lock, "_PAUSE", 0.0005)
    path, inside, most = tmp_path / "a.lock", [], []

    def work():
        for _ in range(30):
            with file_lock.held(path, wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 180 and not path.exists()


def test_a_lock_that_cannot_be_made(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "none" / "a.lock", tmp_path / "link", tmp_path):
        with pytest.raises(OSError) as error, file_lock.held(path):
            pass
        assert str(path) in str(error.value)
    assert not (tmp_path / "elsewhere").exists()
