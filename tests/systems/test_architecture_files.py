"""The JSON file beside weights: whatever may be wrong with it is one line."""

import dataclasses
import json
from pathlib import Path

import pytest

from multiposenet.errors import WeightsError
from multiposenet.files import checksums
from multiposenet.skeleton import LSP_14
from multiposenet.systems import architecture_files

REMEDY = "get it again"


def test_what_was_written_is_read(tmp_path):
    path = architecture_files.beside(tmp_path / "a.b.weights.h5")
    assert path == tmp_path / "a.b.json"
    architecture_files.write(path, {"backbone": "nano"})
    assert architecture_files.read(path, REMEDY) == {"backbone": "nano"}
    checksums.check(path)


def test_a_skeleton_is_named_or_described():
    own = dataclasses.replace(LSP_14, name="own")
    for skeleton, described in ((LSP_14, "lsp_14"), (own, dataclasses.asdict(own))):
        assert architecture_files.skeleton_of({"skeleton": described}) == skeleton


@pytest.mark.parametrize("name", ("a.weights.h5", "a.h5"))
def test_names(name):
    assert architecture_files.beside(Path(name)) == Path("a.json")


@pytest.mark.parametrize(
    ("content", "problem"),
    (
        (b"", "file: damaged"),
        (b"{", "file: damaged"),
        (b"\xff\xfe\xfd", "file: damaged"),
        (b"[" * 100_000, "file: damaged"),
        (b'{"architecture": ' + b"[" * 100_000, "file: damaged"),
        (b'{"architecture": ' + b"9" * 10_000 + b"}", "file: damaged"),
        (b" " * (1 << 23), "file: damaged"),
        (b"\x1f\x8b" + b"x" * 20, "file: damaged"),
        (b"[]", "architecture: missing"),
        (b"null", "architecture: missing"),
        (b"{}", "architecture: missing"),
        (b'{"architecture": ["backbone"]}', "architecture: missing"),
        (b'{"architecture": "nano"}', "architecture: missing"),
        (None, "file: missing; get it again"),
    ),
    ids=lambda value: str(value)[:20],
)
def test_what_may_be_wrong(tmp_path, content, problem):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        architecture_files.read(path, REMEDY)
    assert str(caught.value).startswith(f"{path}: {problem}") and "\n" not in str(caught.value)


def test_one_flipped_bit_is_found(tmp_path):
    path = tmp_path / "a.json"
    architecture_files.write(path, {"options": {"nms_iou": 0.3}})
    path.write_text(path.read_text().replace("0.3", "0.7"))
    with pytest.raises(WeightsError, match="a.json: sha256: is not that in"):
        architecture_files.read(path, REMEDY)
    checksums.sidecar(path).unlink()  # changed on purpose
    assert architecture_files.read(path, REMEDY) == json.loads('{"options": {"nms_iou": 0.7}}')
