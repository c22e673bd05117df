"""Checksums of the files that the project writes: one flipped bit in weights is a wrong answer.

Beside ``NAME`` stands ``NAME.sha256``, as the command ``sha256sum`` writes and checks it.
"""

import hashlib
import os
from pathlib import Path

from multiposenet.errors import WeightsError

_CHUNK = 1 << 20  # bytes read at a time
_MAX_SIDECAR = 1 << 12  # bytes


def sha256_of(path: str | os.PathLike) -> str:
    """Hexadecimal sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sidecar(path: str | os.PathLike) -> Path:
    """The file that holds the checksum of a file; of a link, it is beside its target."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.sha256")


def line(path: str | os.PathLike, name: str) -> str:
    """The content of the sidecar of a file that is to be called ``name``."""
    return f"{sha256_of(path)}  {name}\n"


def check(path: str | os.PathLike) -> None:
    """Compares a file with the checksum beside it; one without is not checked.

    Raises:
        WeightsError: they differ, or the checksum cannot be read.
        OSError: the file cannot be read.
    """
    beside = sidecar(path)
    try:
        with open(beside, "rb") as file:
            wanted = file.read(_MAX_SIDECAR).split()[:1]
    except FileNotFoundError:
        return
    except OSError as error:
        raise WeightsError(f"{beside}: file: {error.strerror}; make it readable") from error
    found = sha256_of(path).encode()
    if [found] != [digest.lower() for digest in wanted]:
        raise WeightsError(
            f"{path}: sha256: is not that in {beside.name}: the file is damaged or was changed; "
            "restore it, or remove the checksum if you changed it yourself"
        )
