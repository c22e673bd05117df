"""Names to checked files: manifest, bundled and cached weights, downloads from a local server."""

import hashlib
import http.server
import json
import socket
import threading

import numpy as np
import pytest

from multiposenet import zoo
from multiposenet.errors import WeightsError

CONTENT = np.random.default_rng(7).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT under /file, with ranges; what else it does is set by its attributes."""

    cuts: list  # each request takes one: the number of bytes after which the connection is cut
    ranges: bool
    asked: list  # the Range header of each request

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts, self.ranges, self.asked = [], True, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path != "/file":
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if not self.server.ranges:
            start = 0
        elif start >= len(CONTENT):
            return self.send_error(416)
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cuts.pop(0) if self.server.cuts else None])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """An installation of its own: returns the weights folder; `.add(name, **entry)` fills it."""
    folder = tmp_path / "installed"
    folder.mkdir()
    models = {}

    def add(name, **entry):
        models[name] = {"file": f"{name}.weights.h5", "sha256": SHA256, "url": None, **entry}
        (folder / "manifest.json").write_text(json.dumps({"format": 1, "models": models}))
        zoo._manifest.cache_clear()

    monkeypatch.setattr(zoo, "_folder", lambda: folder)
    monkeypatch.setenv("MULTIPOSENET_CACHE", str(tmp_path / "cache"))
    folder_and_add = type("Installed", (), {"folder": folder, "add": staticmethod(add)})
    add("multiposenet-nano")
    yield folder_and_add
    zoo._manifest.cache_clear()


def assert_one_line(error, *parts):
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text


def test_the_real_manifest_is_complete_and_its_bundled_files_are_intact():
    every = [(name, kind) for kind in ("models", "assigners", "sppe") for name in zoo.names(kind)]
    assert len(every) >= 3
    for name, kind in every:
        entry = zoo.entry(name, kind)
        required = {"architecture", "file", "sha256", "bytes", "url", "card", "recipe", "data"}
        assert required | {"metrics", "licence"} <= entry.keys(), name
        assert (zoo._folder() / entry["card"]).is_file()
        if entry["url"] is None:
            path = zoo.resolve(name, kind)
            assert path.stat().st_size == entry["bytes"]
    bundled = sum(path.stat().st_size for path in zoo._folder().glob("*.weights.h5"))
    assert bundled <= 60e6


def test_entry_is_a_copy(manifest):
    zoo.entry("multiposenet-nano")["sha256"] = "changed"
    assert zoo.entry("multiposenet-nano")["sha256"] == SHA256


def test_unknown_name_lists_the_known_ones_and_the_closest(manifest):
    manifest.add("multiposenet-r50")
    with pytest.raises(WeightsError) as error:
        zoo.entry("multiposnet-nan")
    assert_one_line(
        error,
        "multiposnet-nan: model: unknown",
        "did you mean 'multiposenet-nano'?",
        "multiposenet-nano, multiposenet-r50",
    )
    with pytest.raises(WeightsError) as error:
        zoo.entry("zzz")
    assert "did you mean" not in str(error.value)


def test_manifest_of_another_format_is_refused(manifest):
    (manifest.folder / "manifest.json").write_text('{"format": 2, "models": {}}')
    zoo._manifest.cache_clear()
    with pytest.raises(WeightsError) as error:
        zoo.names()
    assert_one_line(error, "manifest.json: format: 2, expected 1; update multiposenet")


def test_bundled_file_comes_first_and_is_checked(manifest, tmp_path):
    bundled = manifest.folder / "multiposenet-nano.weights.h5"
    bundled.write_bytes(CONTENT)
    assert zoo.resolve("multiposenet-nano") == bundled
    bundled.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError) as error:
        zoo.resolve("multiposenet-nano")
    assert_one_line(error, bundled, "sha256", "reinstall")


def test_cached_file_is_used_and_checked(manifest, tmp_path):
    cached = tmp_path / "cache" / "multiposenet-nano.weights.h5"
    cached.parent.mkdir()
    cached.write_bytes(CONTENT)
    assert zoo.resolve("multiposenet-nano") == cached
    cached.write_bytes(b"other")
    with pytest.raises(WeightsError) as error:
        zoo.resolve("multiposenet-nano")
    assert_one_line(error, cached, "sha256", "delete the file")


def test_file_that_is_nowhere_names_the_place_for_it(manifest, tmp_path):
    with pytest.raises(WeightsError) as error:
        zoo.resolve("multiposenet-nano")
    assert_one_line(error, "put the file at", tmp_path / "cache" / "multiposenet-nano.weights.h5")


def test_resolve_downloads_into_the_cache_once(manifest, server, tmp_path):
    manifest.add("far", url=server.url)
    path = zoo.resolve("far")
    assert path == tmp_path / "cache" / "far.weights.h5"
    assert path.read_bytes() == CONTENT
    assert zoo.resolve("far") == path
    assert len(server.asked) == 1
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_file_address(tmp_path):
    origin = tmp_path / "origin.h5"
    origin.write_bytes(CONTENT)
    path = zoo.download(origin.as_uri(), SHA256, tmp_path / "deep" / "er" / "copy.h5")
    assert path.read_bytes() == CONTENT
    with pytest.raises(WeightsError) as error:
        zoo.download((tmp_path / "no.h5").as_uri(), SHA256, tmp_path / "x.h5", pause=0)
    assert_one_line(error, "x.h5", "no.h5", "put it at")


def test_a_cut_connection_is_continued_in_the_same_call(server, tmp_path):
    server.cuts = [100_000, 50_000]
    path = zoo.download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_cut_connection_is_continued_in_a_later_call(server, tmp_path):
    server.cuts = [100_000, 1, 1]
    with pytest.raises(WeightsError) as error:
        zoo.download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert_one_line(error, "f.h5: url:", "cannot be fetched", "put it at", tmp_path / "f.h5")
    assert not (tmp_path / "f.h5").exists()
    assert zoo.download(server.url, SHA256, tmp_path / "f.h5").read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100002-"
    assert [p.name for p in tmp_path.iterdir()] == ["f.h5"]


def test_a_server_without_ranges_sends_it_all_again(server, tmp_path):
    server.cuts, server.ranges = [100_000], False
    path = zoo.download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_started_anew(server, tmp_path):
    (tmp_path / f"f.h5.{SHA256[:8]}.part").write_bytes(CONTENT + b"more")
    path = zoo.download(server.url, SHA256, tmp_path / "f.h5", pause=0)
    assert path.read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing_behind(server, tmp_path):
    with pytest.raises(WeightsError) as error:
        zoo.download(server.url, "0" * 64, tmp_path / "f.h5")
    assert_one_line(error, "f.h5: sha256:", server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_the_file_that_was_there(server, tmp_path):
    (tmp_path / "f.h5").write_bytes(b"old")
    with pytest.raises(WeightsError):
        zoo.download(server.url, "0" * 64, tmp_path / "f.h5")
    assert (tmp_path / "f.h5").read_bytes() == b"old"


def test_404_is_not_tried_again(server, tmp_path):
    with pytest.raises(WeightsError) as error:
        zoo.download(server.url + "-moved", SHA256, tmp_path / "f.h5")
    assert_one_line(error, "f.h5: url:", "answers 404", "put it at", tmp_path / "f.h5")
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_offline_names_the_file_and_where_to_put_it(tmp_path):
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/f.h5"
        with pytest.raises(WeightsError) as error:
            zoo.download(url, SHA256, tmp_path / "f.h5", pause=0)
    assert_one_line(error, "cannot be fetched", f"download {url} by other means", tmp_path / "f.h5")
    assert list(tmp_path.iterdir()) == []


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(WeightsError) as error:
        zoo.download("ftp://example.org/f.h5", SHA256, tmp_path / "f.h5")
    assert_one_line(error, "'ftp' is not http, https or file")


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "blocked").write_text("a file, not a folder")
    with pytest.raises(WeightsError) as error:
        zoo.download(server.url, SHA256, tmp_path / "blocked" / "f.h5")
    assert_one_line(error, "folder:", "MULTIPOSENET_CACHE")
