"""Finding the files of a dataset, with errors that say what is missing."""

from pathlib import Path

from multiposenet.errors import InputError


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
    if not path.is_file():
        raise InputError(f"{path}: photo: missing; put the dataset's photos into {folder}")
    return path
