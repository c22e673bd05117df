"""Photos on other file systems, through pyarrow: `s3://`, `gs://`, `hdfs://`, `abfs://`, `file://`.

Who may read them is told as each of these systems has it: by environment variables, files in the
home folder, or the machine's own role.
"""

from functools import lru_cache
from pathlib import PurePosixPath

from multiposenet.errors import InputError
from multiposenet.files.arrow import modules
from multiposenet.sources.encoded import MOST
from multiposenet.sources.image_files import reason
from multiposenet.sources.listing import SUFFIXES

SCHEMES = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss", "file")


def is_remote(source) -> bool:
    """Whether a source is the address of something on another file system."""
    return isinstance(source, str) and source.partition("://")[0].lower() in SCHEMES


def is_folder(source) -> bool:
    """Whether an address is that of a folder: it ends in a slash, since asking takes time."""
    return is_remote(source) and source.endswith("/")


def files(source: str, recursive: bool = False) -> list[str]:
    """Lists the image files that an address stands for.

    Args:
        source: of a file, which is taken whatever its name, or of a folder, of which the files with
            an image suffix are taken in the order of their names.
        recursive: whether the sub-folders are searched, too.

    Raises:
        InputError: there is no image in the folder, or it cannot be reached.
    """
    if not is_folder(source):
        return [source]
    system, path = _opened(source)
    _, _, fs = modules(source)
    try:
        found = system.get_file_info(fs.FileSelector(path.rstrip("/"), recursive=recursive))
    except OSError as error:
        raise _unreachable(source, error) from error
    start = source[: -len(path)]
    images = sorted(
        f"{start}{one.path}"
        for one in found
        if one.type == fs.FileType.File and _is_image_name(PurePosixPath(one.path))
    )
    if not images:
        raise InputError(f"{source}: folder: has no images; give one with files such as .jpg")
    return images


def content(source: str) -> bytes:
    """Reads a file.

    Raises:
        InputError: there is none, it has too many bytes, or it cannot be reached.
    """
    system, path = _opened(source)
    try:
        with system.open_input_stream(path) as stream:
            found = stream.read(MOST + 1)
    except OSError as error:
        raise _unreachable(source, error) from error
    if len(found) > MOST:
        raise InputError(f"{source}: size: more than {MOST >> 20} MiB; scale the image down")
    return found


def _opened(source: str):
    """The file system of an address, and the path on it."""
    scheme, _, place = source.partition("://")
    root, _, rest = place.partition("/")
    try:
        system, base = _system(f"{scheme.lower()}://{root}")
    except (OSError, ValueError) as error:
        raise _unreachable(source, error) from error
    return system, f"{base.rstrip('/')}/{rest}" if rest else base


@lru_cache(maxsize=16)  # one for all files of a bucket or host: it keeps its connections
def _system(root: str):
    _, _, fs = modules(root)
    return fs.FileSystem.from_uri(f"{root}/" if root.startswith("file") else root)


def _unreachable(source: str, error: Exception) -> InputError:
    return InputError(f"{source}: file: {reason(error):.200}; check the address and its rights")


def _is_image_name(path: PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
