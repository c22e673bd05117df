"""Exported files that are kept: made once, by one process, and done without where that fails."""

import errno
import json
import threading
import time

import numpy as np
import pytest
from fake_model import RectangleFinder
from one_line import assert_one_line
from PIL import Image

from multiposenet import cli
from multiposenet.errors import InputError, MultiPoseNetWarning, WeightsError
from multiposenet.files.checksums import sha256_of
from multiposenet.files.scratch_folders import prefix_beside
from multiposenet.runtimes import export, export_cache, exported
from multiposenet.systems import estimator, model_files

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MULTIPOSENET_CACHE", str(folder))
    return folder


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    path.write_bytes(b"weights")
    return path


def written(path, *arguments):
    """What a runtime cannot read, though it is what was written."""
    path.write_text("graph")
    about = {"skeleton": {"keypoints": ["nose"]}, "image_size": None, "options": {}}
    about["files"] = {path.name: sha256_of(path)}
    exported.sidecar(path).write_text(json.dumps(about))


def test_several_at_once_make_it_once(cache, weights, monkeypatch):
    made, found = [], []

    def make(path, kind, pose):
        made.append(kind)
        time.sleep(0.1)
        written(path)

    monkeypatch.setattr(export_cache, "_make", make)

    def one():
        found.append(export_cache.cached(weights, {}, "onnx", lambda: None))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["onnx"] and len(set(found)) == 1
    names = sorted(path.name for path in (cache / "exported").iterdir())
    assert names == [found[0].name, f"{found[0].name}.json"]


def test_what_a_killed_process_left_beside_a_whole_file_is_removed(cache, weights, monkeypatch):
    monkeypatch.setattr(export_cache, "_make", lambda path, kind, pose: written(path))
    path = export_cache.cached(weights, {}, "onnx", lambda: None)
    left = path.with_name(f"{prefix_beside(path)}0123abcd")
    left.mkdir()
    left.with_name(f"{left.name}.lock").touch()
    assert export_cache.cached(weights, {}, "onnx", lambda: None) == path
    assert len(list(path.parent.iterdir())) == 2


# What can go wrong on the way to an exported file, and what is said of it.


def no_folder(cache, monkeypatch):
    cache.write_text("a file")
    return "exported: cache: Not a directory; make it writable, "


def read_only(cache, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(export_cache.file_lock, "held", refuse)
    return "exported: cache: Permission denied; make it writable, "


def full(cache, monkeypatch):
    def fill(path, *arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export_cache, "_make", fill)
    return "exported: cache: No space left on device; make it writable, make room, "


def converter(cache, monkeypatch):
    def fail(*args, **options):
        raise NameError("name 'tensorflow'\nis not defined")

    monkeypatch.setattr(RectangleFinder, "export", fail)
    return ".onnx: format: cannot be exported (NameError: name 'tensorflow' is not defined); use "


def other_answer(cache, monkeypatch):
    def refuse(*args, **options):
        raise InputError("a.onnx: keypoints: differ from Keras by up to 3 px; not written")

    monkeypatch.setattr(export, "export", refuse)
    return "a.onnx: keypoints: differ from Keras by up to 3 px; not written"


def unreadable(cache, monkeypatch):
    monkeypatch.setattr(export_cache, "_make", written)
    return ".onnx: file: cannot be loaded ("


FAULTS = [no_folder, read_only, full, converter, other_answer, unreadable]


@pytest.fixture
def finder(weights, monkeypatch):
    """A weights file of a model that finds rectangles, and ONNX Runtime as what is installed."""
    monkeypatch.setattr(model_files, "load", lambda *arguments: RectangleFinder())
    monkeypatch.setattr(exported, "_installed", lambda runtime: runtime == "onnx")
    weights.with_name("tiny.json").write_text('{"architecture": {}}')
    return weights


@pytest.fixture
def photo(tmp_path):
    image = np.full((96, 128, 3), 128, np.uint8)
    image[20:60, 30:70] = 255, 0, 0
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_auto_is_keras_where_nothing_else_can_be(fault, cache, finder, monkeypatch):
    told = fault(cache, monkeypatch)
    with pytest.warns(MultiPoseNetWarning) as notes:
        pose = estimator.load(finder, runtime="auto", image_size=128)
    assert isinstance(pose.model, RectangleFinder)
    (note,) = notes
    text = str(note.message)
    assert text.startswith("onnx cannot be used, Keras is instead: ") and told in text
    assert "\n" not in text

    with pytest.raises((InputError, WeightsError)) as error:
        estimator.load(finder, runtime="onnx")
    assert_one_line(error, told)


def test_the_command_line_says_so_in_one_line(cache, finder, photo, tmp_path, capsys):
    cache.write_text("a file")
    arguments = ["--model", str(finder), "--size", "128", "--out", str(tmp_path / "out")]
    assert cli.main(["predict", str(photo), *arguments]) == 0
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("multiposenet: note: onnx cannot be used, Keras is instead: ")
    assert "people: 1" in said.out
    assert cli.main(["predict", str(photo), *arguments, "--runtime", "onnx"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cache: Not a directory" in line


def test_a_model_that_is_at_fault_itself_is_no_note(cache, weights, monkeypatch, recwarn):
    def refuse(*arguments):
        raise WeightsError("tiny: weights: do not fit")

    monkeypatch.setattr(model_files, "load", refuse)
    monkeypatch.setattr(exported, "_installed", lambda runtime: runtime == "onnx")
    with pytest.raises(WeightsError, match="do not fit"):
        estimator.load(weights, architecture={}, runtime="auto")
    assert not [each for each in recwarn if each.category is MultiPoseNetWarning]
