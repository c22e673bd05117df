"""Downloads from a local server: as it should be, and whatever else a network does."""

import os
import socket
import subprocess
import sys
import threading

import pytest
from file_server import CONTENT, SHA256
from one_line import assert_one_line

from multiposenet.errors import WeightsError
from multiposenet.files import downloads
from multiposenet.files.downloads import download

SIZE = len(CONTENT)


def part_of(path):
    return path.with_name(f"{path.name}.{SHA256[:8]}.part")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_address(tmp_path):
    origin = tmp_path / "origin.h5"
    origin.write_bytes(CONTENT)
    path = download(origin.as_uri(), SHA256, tmp_path / "deep" / "er" / "copy.h5")
    assert path.read_bytes() == CONTENT
    with pytest.raises(WeightsError) as error:
        download((tmp_path / "no.h5").as_uri(), SHA256, tmp_path / "x.h5", pause=0)
    assert_one_line(error, "x.h5", "no.h5", "put it at")


def test_a_cut_connection_is_continued_in_the_same_call(server, tmp_path):
    server.cuts = [100_000, 50_000]
    path = download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_cut_connection_is_continued_in_a_later_call(server, tmp_path):
    server.cuts = [100_000, 1, 1]
    with pytest.raises(WeightsError) as error:
        download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert_one_line(error, "f.h5: url:", "cannot be fetched", "put it at", tmp_path / "f.h5")
    assert not (tmp_path / "f.h5").exists()
    assert download(server.url, SHA256, tmp_path / "f.h5").read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100002-"
    assert [p.name for p in tmp_path.iterdir()] == ["f.h5"]


def test_a_server_without_ranges_sends_it_all_again(server, tmp_path):
    server.cuts, server.ranges = [100_000], False
    path = download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_started_anew(server, tmp_path):
    (tmp_path / f"f.h5.{SHA256[:8]}.part").write_bytes(CONTENT + b"more")
    path = download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing_behind(server, tmp_path):
    with pytest.raises(WeightsError) as error:
        download(server.url, "0" * 64, tmp_path / "f.h5")
    assert_one_line(error, "f.h5: sha256:", server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_the_file_that_was_there(server, tmp_path):
    (tmp_path / "f.h5").write_bytes(b"old")
    with pytest.raises(WeightsError):
        download(server.url, "0" * 64, tmp_path / "f.h5")
    assert (tmp_path / "f.h5").read_bytes() == b"old"


def test_404_is_not_tried_again(server, tmp_path):
    with pytest.raises(WeightsError) as error:
        download(server.url + "-moved", SHA256, tmp_path / "f.h5")
    assert_one_line(error, "f.h5: url:", "answers 404", "put it at", tmp_path / "f.h5")
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_offline_names_the_file_and_where_to_put_it(tmp_path):
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f.h5"
        with pytest.raises(WeightsError) as error:
            download(url, SHA256, tmp_path / "f.h5", pause=0)
    assert_one_line(error, "cannot be fetched", f"download {url} by other means", tmp_path / "f.h5")
    assert list(tmp_path.iterdir()) == []


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(WeightsError) as error:
        download("ftp://example.org/f.h5", SHA256, tmp_path / "f.h5")
    assert_one_line(error, "'ftp' is not http, https or file")


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "blocked").write_text("a file, not a folder")
    with pytest.raises(WeightsError) as error:
        download(server.url, SHA256, tmp_path / "blocked" / "f.h5")
    assert_one_line(error, "folder:", "MULTIPOSENET_CACHE")


def test_sizes_other_than_the_manifests(server, tmp_path):
    """Neither what the server announces nor what it sends may be more; nothing is left."""
    for headers, size, what in (
        ({}, SIZE - 1, f"serves {SIZE} bytes, not the {SIZE - 1}"),
        ({}, SIZE + 1, f"serves {SIZE} bytes, not the {SIZE + 1}"),
        ({"Content-Length": None}, SIZE - 1, f"serves more than the {SIZE - 1} bytes"),
        ({"Content-Length": "10**9"}, SIZE, "invalid literal"),
        ({"Content-Length": "-1"}, SIZE, "serves -1 bytes"),
    ):
        server.headers = headers
        with pytest.raises(WeightsError) as error:
            download(server.url, SHA256, tmp_path / "f.h5", size, pause=0)
        assert_one_line(error, f"f.h5: url: {server.url} ", what, "put it at")
        assert names(tmp_path) == []
    assert len(server.asked) == 5  # none is asked twice


def test_a_server_that_announces_no_size(server, tmp_path):
    server.headers, server.cuts = {"Content-Length": None}, [100_000]
    path = download(server.url, SHA256, tmp_path / "f.h5", SIZE, pause=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_server_that_goes_on_elsewhere(server, tmp_path):
    """Its answer to a range is of another range."""
    server.cuts, server.headers = [100_000], {"Content-Range": "bytes 5-299999/300000"}
    with pytest.raises(WeightsError, match="f.h5: "):
        download(server.url, SHA256, tmp_path / "f.h5", SIZE, pause=0)
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize("pause, slowest", [(0.4, 1000), (0.05, 1_000_000)])
def test_slow_servers_are_given_up(server, tmp_path, monkeypatch, pause, slowest):
    """Those that say nothing, and those that say little at a time."""
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    monkeypatch.setattr(downloads, "SLOWEST", slowest)
    monkeypatch.setattr(downloads, "ATTEMPTS", 1)
    server.pause = pause
    with pytest.raises(WeightsError) as error:
        download(server.url, SHA256, tmp_path / "f.h5", SIZE)
    assert_one_line(error, "f.h5: url:", "cannot be fetched", "put it at")
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/f", "data:,abc", "http://127.0.0.1:9/f"]
)
def test_redirects_that_are_not_followed(server, tmp_path, monkeypatch, target):
    server.leads_to = target
    if target.startswith("http:"):  # as if it came from https
        monkeypatch.setattr(downloads, "_scheme", lambda url: "http" if ":9/" in url else "https")
    with pytest.raises(WeightsError) as error:
        download(server.url.replace("/file", "/moved"), SHA256, tmp_path / "f.h5", SIZE, pause=0)
    assert_one_line(error, "f.h5: url:", target, "put it at")
    assert names(tmp_path) == []


def test_redirects_that_are_followed(server, tmp_path):
    server.leads_to = server.url
    moved = server.url.replace("/file", "/moved")
    assert download(moved, SHA256, tmp_path / "f.h5", SIZE).read_bytes() == CONTENT
    server.leads_to = moved
    with pytest.raises(WeightsError) as error:
        download(moved, SHA256, tmp_path / "g.h5", SIZE, pause=0)
    assert_one_line(error, "g.h5: url:", "answers 302")


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a b/", "http://", "https://\u2100.x/", "http:x"]
)
def test_addresses_that_mean_nothing(tmp_path, url):
    with pytest.raises(WeightsError) as error:
        download(url, SHA256, tmp_path / "f.h5", SIZE, pause=0)
    assert_one_line(error, "f.h5: url:", "put it at")
    assert names(tmp_path) == []


def test_a_part_that_is_complete_needs_no_network(tmp_path):
    part_of(tmp_path / "f.h5").write_bytes(CONTENT)
    url = "http://127.0.0.1:9/none"
    assert download(url, SHA256, tmp_path / "f.h5", SIZE, pause=0).read_bytes() == CONTENT
    assert names(tmp_path) == ["f.h5"]


@pytest.mark.parametrize("damaged", [CONTENT[:9] + b"x" + CONTENT[10:], b"x" * 1000])
def test_a_damaged_part_is_fetched_anew(server, tmp_path, damaged):
    part_of(tmp_path / "f.h5").write_bytes(damaged)
    path = download(server.url, SHA256, tmp_path / "f.h5", SIZE, pause=0)
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and pipes as POSIX has them")
@pytest.mark.parametrize("kind", ["symlink", "dangling", "hardlink", "fifo", "device"])
def test_a_part_is_never_another_file(server, tmp_path, kind):
    victim, folder = tmp_path / "victim", tmp_path / "cache"
    victim.write_bytes(b"precious")
    folder.mkdir()
    part = part_of(folder / "f.h5")
    if kind == "symlink":
        part.symlink_to(victim)
    elif kind == "dangling":
        part.symlink_to(tmp_path / "new")
    elif kind == "hardlink":
        os.link(victim, part)
    elif kind == "fifo":
        os.mkfifo(part)
    else:
        part.symlink_to("/dev/null")
    path = download(server.url, SHA256, folder / "f.h5", SIZE)
    assert path.read_bytes() == CONTENT and not path.is_symlink()
    assert victim.read_bytes() == b"precious" and names(tmp_path) == ["cache", "victim"]
    assert names(folder) == ["f.h5"]


def test_a_lock_is_never_another_file(server, tmp_path):
    lock = part_of(tmp_path / "f.h5").with_suffix(".lock")
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightsError) as error:
        download(server.url, SHA256, tmp_path / "f.h5", SIZE)
    assert_one_line(error, "folder:", lock.name)
    assert names(tmp_path) == [lock.name]


def test_several_at_once_download_once(server, tmp_path):
    server.pause = 0.002
    found = []

    def one():
        found.append(download(server.url, SHA256, tmp_path / "f.h5", SIZE).read_bytes())

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 4
    assert server.asked == [None]
    assert names(tmp_path) == ["f.h5"]


PROCESS = """
import sys
from multiposenet.files.downloads import download
print(download(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])).stat().st_size)
"""


def test_two_processes_at_once_and_one_is_killed(server, tmp_path):
    """Whoever waits goes on with what the killed one had; no lock is left."""
    server.pause = 0.02
    command = [sys.executable, "-c", PROCESS, server.url, SHA256, tmp_path / "f.h5", str(SIZE)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE)
    while not part_of(tmp_path / "f.h5").exists() or not part_of(tmp_path / "f.h5").stat().st_size:
        assert first.poll() is None
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    first.kill()
    assert second.communicate(timeout=60)[0] == f"{SIZE}\n"
    first.communicate()
    assert (tmp_path / "f.h5").read_bytes() == CONTENT and names(tmp_path) == ["f.h5"]
    assert len(server.asked) == 2 and server.asked[1].startswith("bytes=")


LIMITED = """
import resource, signal, sys
from multiposenet.files.downloads import download
from multiposenet.errors import WeightsError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    download(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
except WeightsError as error:
    print(error)
"""


def test_a_disk_that_is_full(server, tmp_path):
    """It is not the network's fault: one attempt, and what was fetched is gone on with."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", LIMITED, server.url, SHA256, tmp_path / "f.h5", str(SIZE)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    (line,) = told.stdout.splitlines()
    assert "f.h5: folder: [Errno 27] File too large; make it writable, make room" in line
    assert server.asked == [None]
    assert download(server.url, SHA256, tmp_path / "f.h5", SIZE).read_bytes() == CONTENT
    assert server.asked[1] == "bytes=100000-"


def test_what_a_server_says_is_no_command_to_a_terminal():
    assert downloads._one_line("a\x1b[2J\r\nb\u202ec") == "a?[2J b?c"
    assert len(downloads._one_line("x" * 10_000)) == 200
