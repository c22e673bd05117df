"""Annotation files: encodings, compression, bombs, and what is no file of annotations."""

import gzip
import json
import os

import numpy as np
import pytest
from coco_files import coco_file, write

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError

GOOD = coco_file()


def test_encodings(tmp_path):
    content = coco_file()
    content["images"][0]["file_name"] = "café.jpg"
    text, path = json.dumps(content, ensure_ascii=False), tmp_path / "a.json"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"):
        path.write_bytes(text.encode(encoding))
        assert CocoAnnotations.load(path).images[0].file_name == "café.jpg"
    for encoding in ("latin-1", "cp1252"):
        path.write_bytes(text.encode(encoding))
        with pytest.raises(AnnotationError, match="not UTF-8: byte 0xe9 at .*Latin-1.*; save it"):
            CocoAnnotations.load(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a number of thousands of digits"),
        (b"", "not JSON"),
        (gzip.compress(bytes(1 << 26)), "more than 16 MiB"),
        (gzip.compress(b" " * (1 << 26)), "more than 16 MiB"),
        (gzip.compress(gzip.compress(b"{}")), "not JSON"),
    ],
    ids=["list", "object", "digits", "empty", "gzip-zeros", "gzip-spaces", "gzip-gzip"],
)
def test_bombs(tmp_path, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=f"a.json: file: {told}.*; "):
        CocoAnnotations.load(path)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    for path, told in [
        (tmp_path / "pipe.json", "not JSON"),  # nobody writes it: not waited for
        ("/dev/zero", "not a regular file"),
        (tmp_path, "file: Is a directory"),
        (f"{tmp_path}/a\0b", "file: "),
    ]:
        with pytest.raises(AnnotationError, match=told):
            CocoAnnotations.load(path)


def test_a_pipe_is_read():
    reader, writer = os.pipe()
    os.write(writer, json.dumps(coco_file()).encode())
    os.close(writer)
    assert len(CocoAnnotations.load(f"/dev/fd/{reader}")) == 2
    os.close(reader)


def test_unreadable_files(tmp_path):
    damaged = tmp_path / "a.json.gz"
    damaged.write_bytes(gzip.compress(json.dumps(GOOD).encode())[:-30])
    binary = tmp_path / "b.json"
    binary.write_bytes(b"\xff\xd8\xff\xe0" * 10)
    for path in (damaged, binary, tmp_path, tmp_path / "absent.json"):
        with pytest.raises(AnnotationError, match="; ") as caught:
            CocoAnnotations.load(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_gzip_is_told_by_content_and_has_the_same_fingerprint(tmp_path):
    plain = CocoAnnotations.load(write(tmp_path, coco_file()))
    packed = tmp_path / "without_suffix"
    packed.write_bytes(gzip.compress(json.dumps(coco_file()).encode()))
    annotations = CocoAnnotations.load(str(packed))
    assert annotations.fingerprint == plain.fingerprint
    np.testing.assert_array_equal(annotations.persons.xywh, plain.persons.xywh)
