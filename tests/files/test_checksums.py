"""Files with a checksum beside them: whatever bit is flipped, it is found."""

import subprocess
from contextlib import suppress

import numpy as np
import pytest

from multiposenet.errors import WeightsError
from multiposenet.files import checksums, writing


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.weights.h5"
    with writing.atomic_write(path, checksum=True) as partial:
        partial.write_bytes(np.random.default_rng(0).bytes(1000))
    return path


def test_it_is_what_sha256sum_checks(path):
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]
    command = ["sha256sum", "-c", f"{path.name}.sha256"]
    told = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    assert told.stdout == "a.weights.h5: OK\n", told.stderr
    checksums.check(path)


def test_one_flipped_bit_is_found(path):
    content = path.read_bytes()
    for bit in np.random.default_rng(1).integers(8 * len(content), size=100):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << int(bit) % 8
        path.write_bytes(flipped)
        with pytest.raises(WeightsError, match="a.weights.h5: sha256: is not that in ") as caught:
            checksums.check(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", (b"", b"x", b"\xff\x00", b"0" * 64, b"9" * 100_000))
def test_a_damaged_checksum(path, content):
    checksums.sidecar(path).write_bytes(content)
    with pytest.raises(WeightsError, match="a.weights.h5: sha256: "):
        checksums.check(path)


def test_a_checksum_that_cannot_be_read(path):
    checksums.sidecar(path).unlink()
    checksums.check(path)  # of a file of somebody else there is none
    checksums.sidecar(path).mkdir()
    with pytest.raises(WeightsError, match="a.weights.h5.sha256: file: "):
        checksums.check(path)


def test_a_link_is_checked_as_what_it_points_to(path, tmp_path):
    link = tmp_path / "folder" / "b.h5"
    link.parent.mkdir()
    link.symlink_to(path)
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="b.h5: sha256: "):
        checksums.check(link)
    with writing.atomic_write(link, checksum=True) as partial:
        partial.write_bytes(b"new")
    checksums.check(link)
    assert sorted(p.name for p in link.parent.iterdir()) == ["b.h5"]


def test_an_error_leaves_a_file_with_its_checksum(path):
    with pytest.raises(KeyError), writing.atomic_write(path, checksum=True) as partial:
        partial.write_bytes(b"half")
        raise KeyError
    checksums.check(path)
    with writing.atomic_write(path) as partial:  # by who keeps none: the old one would be wrong
        partial.write_bytes(b"other")
    with pytest.raises(WeightsError):
        checksums.check(path)


@pytest.mark.parametrize("call", ("replace", "fsync", "unlink"))
def test_killed_at_any_moment_no_file_has_anothers_checksum(path, monkeypatch, call):
    real = getattr(writing.os, call)
    for last in range(6):
        calls = []

        def dies(*arguments, last=last, calls=calls, **options):
            calls.append(1)
            if len(calls) > last:
                raise MemoryError
            return real(*arguments, **options)

        with monkeypatch.context() as patch, suppress(MemoryError):
            patch.setattr(writing.os, call, dies)
            with writing.atomic_write(path, checksum=True) as partial:
                partial.write_bytes(np.random.default_rng(last).bytes(100))
        checksums.check(path)
