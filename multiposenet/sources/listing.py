"""Which image files a folder or a pattern stands for."""

import os
from glob import glob, has_magic
from pathlib import Path

from multiposenet.errors import InputError
from multiposenet.sources.image_files import reason

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .avif .tif .tiff .bmp .gif .ppm .pgm .pbm .pnm "
    ".jp2".split()
)


def files(source: str | os.PathLike, recursive: bool = False) -> list[Path]:
    """Lists the image files a source stands for.

    Args:
        source: a file, which is taken whatever its name; a folder, of which the files with an
            image suffix are taken in the order of their names; or a glob pattern
            (`"photos/*.jpg"`, `"photos/**/*"`), likewise.
        recursive: whether the sub-folders of a folder are searched, too, but for hidden ones.

    Raises:
        InputError: there is no such file, or no image in the folder or among the matches.
    """
    path = Path(os.path.expanduser(source))  # unlike Path's, leaves `~a.jpg` as it is
    try:
        if path.is_dir():
            found = _below(path) if recursive else list(path.iterdir())
            where = "folder: has no images"
        elif path.exists() or not has_magic(str(path)):
            path.stat()
            return [path]
        else:
            found = [Path(match) for match in glob(str(path), recursive=True)]
            where = "pattern: matches no images"
    except (OSError, ValueError) as error:  # a zero byte in the name, a pattern that is none
        raise InputError(f"{path}: file: {reason(error)}; check the path") from error
    images = sorted(p for p in found if _is_image_name(p) and p.is_file())
    if not images:
        raise InputError(f"{path}: {where}; give one with files such as .jpg, .png or .webp")
    return images


def is_several(source: str | os.PathLike) -> bool:
    """Whether a path is a folder or a pattern, which may stand for any number of files."""
    path = Path(os.path.expanduser(source))  # unlike Path's, leaves `~a.jpg` as it is
    return path.is_dir() or (has_magic(str(path)) and not path.exists())


def _below(folder: Path) -> list[Path]:
    """All files below a folder; links to folders are not followed, as they may lead in circles."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place) / name for name in names]
    return found


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
