"""Finding and reading the files of a dataset, with errors that say what is missing or wrong."""

import io
import zlib
from os.path import isfile  # unlike Path.is_file it raises nothing
from pathlib import Path
from struct import unpack_from

from multiposenet.errors import AnnotationError, InputError
from multiposenet.json_table import read_bytes

# Bytes that a Matlab file may hold, packed ones as often as many as it has, or a few.
_MOST, _RATIO, _FEW = 1 << 31, 100, 1 << 26
_HEADER, _PACKED = 128, 15  # of the format: bytes before the elements, type of a compressed one


def single_file(folder: Path, pattern: str) -> Path:
    """Returns the only file of a folder whose name matches.

    Raises:
        InputError: there is none, or more than one.
    """
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3])
        several = f"{len(found)} of {pattern} ({names})" if found else f"no {pattern}"
        raise InputError(f"{folder}: annotations: {several}; give a folder with exactly one")
    return found[0]


def first_folder(folder: Path, *names: str) -> Path:
    """Returns the first sub-folder that exists, or the folder itself."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def photo_of(folder: Path, name: str) -> Path:
    """Returns the photo of a folder.

    Raises:
        InputError: there is no such file.
    """
    path = folder / name
    if not isfile(path):
        short = f"{name!r:.200}" if len(name) > 200 or not name.isprintable() else name
        raise InputError(
            f"{folder / short}: photo: missing; put the dataset's photos into {folder}"
        )
    return path


def read_text(path: Path) -> str:
    """Returns the text of a file; what is not UTF-8 in it is replaced.

    Raises:
        AnnotationError: the file cannot be read or is too large.
    """
    return read_bytes(path).decode("utf-8-sig", errors="replace")


def read_matlab(path: Path) -> dict:
    """Returns the variables of a Matlab file, structs as objects with their fields.

    Raises:
        AnnotationError: the file cannot be read, is damaged or holds too much.
    """
    from scipy.io import loadmat

    content = read_bytes(path)
    try:
        _check_unpacked(content)
        return loadmat(io.BytesIO(content), squeeze_me=True, struct_as_record=False)
    except Exception as error:  # depends on the damage
        raise AnnotationError(f"{path}: file: not a Matlab file, or damaged; restore it") from error


def _check_unpacked(content: bytes) -> None:
    """Raises ``ValueError`` if the compressed elements hold too much.

    Each begins with its type and its length in bytes (MATLAB's "MAT-File Format", level 5).
    """
    left = min(_MOST, max(_FEW, _RATIO * len(content)))
    order = ">" if content[_HEADER - 2 : _HEADER] == b"MI" else "<"
    place = _HEADER
    while place + 8 <= len(content):
        kind, length = unpack_from(f"{order}II", content, place)
        place += 8
        if kind == _PACKED:
            unpacking, packed = zlib.decompressobj(), content[place : place + length]
            while packed and not unpacking.eof:
                left -= len(unpacking.decompress(packed, 1 << 20))
                packed = unpacking.unconsumed_tail
                if left < 0:
                    raise ValueError("holds too much")
        place += length
