"""Names to checked files: manifest, bundled, cached and downloaded weights."""

import json

import pytest
from file_server import CONTENT, SHA256
from one_line import assert_one_line

from multiposenet import zoo
from multiposenet.errors import WeightsError


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


def test_nobody_has_a_home(monkeypatch):
    """Containers run as users that are nobody."""
    monkeypatch.setenv("MULTIPOSENET_CACHE", "")
    monkeypatch.setattr(zoo.os.path, "expanduser", lambda path: path)
    with pytest.raises(WeightsError, match="cache: no such home; name a folder with MULTIPOSENET"):
        zoo.cache_dir()
