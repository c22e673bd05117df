"""Names to checked files: manifest, bundled, cached and downloaded weights."""

import json

import pytest
from file_server import CONTENT, SHA256
from one_line import assert_one_line

from multiposenet import zoo
from multiposenet.commands import convert_weights
from multiposenet.errors import MultiPoseNetWarning, WeightsError


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """An installation of its own: returns the weights folder; `.add(name, **entry)` fills it."""
    folder = tmp_path / "installed"
    folder.mkdir()
    models, published = {}, {}

    def write():
        content = {"format": 1, "models": models, "published": published}
        (folder / "manifest.json").write_text(json.dumps(content))
        zoo._manifest.cache_clear()

    def publish(name, **entry):
        known = {"file": f"{name}.pth", "sha256": None, "most_bytes": 10**6, "kind": "hourglass"}
        published[name] = known | {"source": "their page"} | entry
        write()

    def add(name, **entry):
        models[name] = {"file": f"{name}.weights.h5", "sha256": SHA256, "url": None, **entry}
        write()

    monkeypatch.setattr(zoo, "_folder", lambda: folder)
    monkeypatch.setenv("MULTIPOSENET_CACHE", str(tmp_path / "cache"))
    fields = {"folder": folder, "add": staticmethod(add), "publish": staticmethod(publish)}
    add("multiposenet-nano")
    yield type("Installed", (), fields)
    zoo._manifest.cache_clear()


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


def test_a_file_of_unknown_sha256_is_taken_once_and_must_stay(manifest, server, tmp_path):
    """What was seen first is told, and kept; later it is compared without a word."""
    manifest.publish("theirs", url=server.url)
    with pytest.warns(MultiPoseNetWarning, match=f"theirs: sha256: {SHA256} is .*their page"):
        path = zoo.resolve("theirs", "published")
    assert path.read_bytes() == CONTENT and path == tmp_path / "cache" / "theirs.pth"
    assert zoo.resolve("theirs", "published") == path and len(server.asked) == 1
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError) as error:
        zoo.resolve("theirs", "published")
    assert_one_line(error, path, "sha256: is not that in theirs.pth.sha256")
    path.unlink()  # to have it anew
    server.body = CONTENT[:1000]
    with pytest.warns(MultiPoseNetWarning, match="theirs: sha256: (?!" + SHA256 + ")"):
        assert zoo.resolve("theirs", "published").read_bytes() == CONTENT[:1000]


def test_what_its_publisher_says_of_it_is_compared(manifest, server, tmp_path):
    """The name of the file has eight digits of its sha256, as torchvision's have."""
    manifest.publish("theirs", url=server.url, sha256_begins=SHA256[:8])
    with pytest.warns(MultiPoseNetWarning, match=SHA256):
        path = zoo.resolve("theirs", "published")
    path.unlink()
    server.body = CONTENT[:1000]
    for _ in range(2):  # and again, since nothing was noted of it
        with pytest.raises(WeightsError) as error:
            zoo.resolve("theirs", "published")
        assert_one_line(error, path, f"publisher's name of it says {SHA256[:8]}...; delete")
    manifest.publish("theirs", url=server.url, sha256_begins="0X")
    with pytest.raises(WeightsError, match="published.theirs.sha256_begins: missing, or not"):
        zoo.names()


def test_a_file_put_there_by_hand_is_told_too(manifest, server, tmp_path):
    manifest.publish("theirs", url=server.url)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "theirs.pth").write_bytes(CONTENT)
    with pytest.warns(MultiPoseNetWarning, match=SHA256):
        zoo.resolve("theirs", "published")
    assert server.asked == []


@pytest.mark.parametrize("length", [True, False])
def test_no_more_is_written_than_is_expected(manifest, server, tmp_path, length):
    manifest.publish("theirs", url=server.url, most_bytes=len(CONTENT) - 1)
    if not length:
        server.headers = {"Content-Length": None}
    with pytest.raises(WeightsError, match=r"serves .*more than the 299999 (bytes )?that are exp"):
        zoo.resolve("theirs", "published")
    assert not list((tmp_path / "cache").glob("*.p*"))


def test_what_an_earlier_call_left_is_not_continued(manifest, server, tmp_path):
    """It may be of another file, and no sha256 would tell."""
    manifest.publish("theirs", url=server.url)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "theirs.pth.unknown.part").write_bytes(b"of another")
    with pytest.warns(MultiPoseNetWarning):
        assert zoo.resolve("theirs", "published").read_bytes() == CONTENT
    assert server.asked == [None]


def test_only_what_others_published_may_be_unknown(manifest):
    manifest.add("ours", sha256=None)
    with pytest.raises(WeightsError, match="models.ours.sha256: missing, or not what it should be"):
        zoo.names()


def test_published_files_say_whose_they_are():
    for name in zoo.names("published"):
        entry = zoo.entry(name, "published")
        assert entry["kind"] in convert_weights.KINDS and name in convert_weights.__doc__
        assert {"licence", "data", "source", "url", "most_bytes"} <= entry.keys()


def test_nobody_has_a_home(monkeypatch):
    """Containers run as users that are nobody."""
    monkeypatch.setenv("MULTIPOSENET_CACHE", "")
    monkeypatch.setattr(zoo.os.path, "expanduser", lambda path: path)
    with pytest.raises(WeightsError, match="cache: no such home; name a folder with MULTIPOSENET"):
        zoo.cache_dir()
