"""What `predict` is given: the photos, what each is called in the results, and their frames."""

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from multiposenet.commands import console, result_files
from multiposenet.commands.prediction.clip import Clip
from multiposenet.commands.prediction.folder import Photo
from multiposenet.errors import InputError

STDIN = "-"


def clips(given, out, draws: bool) -> tuple[list[Clip], list[str]]:
    """The videos among some sources, once each, and the other sources.

    Args:
        given: as of `photos`; also videos, patterns of numbered images, addresses of streams, and
            numbers of cameras.
        out: the `PredictionFolder`.
        draws: whether there are drawn videos.
    """
    from multiposenet.sources import sequence, video

    found, rest = [], []
    for source in dict.fromkeys(given):
        camera = source.isdecimal() and not Path(source).exists()
        if camera or video.is_live(source) or sequence.is_sequence(source):
            found.append(int(source) if camera else source)
        elif video.is_video(source):
            found.append(Path(source))
        else:
            rest.append(source)
    here = out.folder.resolve()
    own = [path for path in found if isinstance(path, Path)]
    taken = {path.name.lower() for path in own if path.resolve().parent == here}
    taken |= out.foreign_names()
    made = []
    for source in found:
        name = stem = _clip_name(source)
        number = 1
        while any(f"{stem}{suffix}".lower() in taken for suffix in (".jsonl", ".mp4")):
            number += 1
            stem = f"{name}-{number}"
        kept = source if isinstance(source, Path) else _known_by(source)
        lines, picture = (
            Photo(kept, None, 0, name, f"{stem}{suffix}") for suffix in (".jsonl", ".mp4")
        )
        taken |= {lines.picture.lower(), picture.picture.lower()}
        made.append(Clip(source, lines, picture if draws else None))
    return made, rest


def photos(given, out, suffix: str, recursive=False, all_pages=False) -> tuple[list[Photo], int]:
    """All photos of some sources, once each; what cannot be used is reported and counted.

    Args:
        given: files, folders, patterns, tables, addresses, or `STDIN`.
        out: the `PredictionFolder`; its drawings are no photos.
        suffix: of the pictures.
        recursive, all_pages: as for `sources.frames`.
    """
    from multiposenet import formats, sources

    found, failures = {}, 0  # (path, address or bytes; page) -> its name within its source
    for source in given:
        try:
            if source == STDIN:
                found[sys.stdin.buffer.read(sources.MOST_BYTES + 1), None] = PurePosixPath("stdin")
            elif sources.is_url(source):
                found[source, None] = PurePosixPath(_name_of(source))
            elif sources.is_remote(source):
                start = source.rpartition("/")[0] + "/"
                for address in sources.remote_files(source, recursive):
                    name = PurePosixPath(address.removeprefix(start))
                    found.setdefault((address, None), name)
            elif sources.is_table(source):
                for item, name in sources.table_rows(Path(source)):
                    found.setdefault((item, None), name)
            else:
                for path in sources.files(source, recursive):
                    if not (sources.is_several(source) and out.owns(path)):
                        inside = recursive and path.is_relative_to(source)
                        name = path.relative_to(source) if inside else Path(path.name)
                        for page in sources.pages(path) if all_pages else [None]:
                            found.setdefault((path, page), name)
        except InputError as error:
            console.report(error)
            failures += 1
    keys = [key for key in found if _is_text(key[0])]
    for path, _ in found.keys() - keys:
        console.report(f"{path}: name: is not UTF-8, which results are; rename the file")
    here = out.folder.resolve()
    own = [path for path, _ in keys if isinstance(path, Path)]
    taken = {path.name.lower() for path in own if path.resolve().parent == here}
    stems = [_paged(found[key].stem, key[1], "-") for key in keys]
    rows = zip(
        keys,
        formats.image_ids([found[key].stem if key[1] is None else "" for key in keys]),
        file_names([key[0] for key in keys], [found[key] for key in keys], [k[1] for k in keys]),
        result_files.picture_names(stems, taken | out.foreign_names(), suffix),
        strict=True,
    )
    listed = [Photo(source, page, *names) for (source, page), *names in rows]
    return listed, failures + len(found) - len(keys)


def frames(listed: list[Photo]) -> Iterator:
    """A frame for each photo, or, in its place, its `InputError`."""
    from multiposenet import sources

    for source, group in itertools.groupby(listed, lambda photo: photo.source):
        group = list(group)
        if group[0].page is None:
            try:
                yield sources.read_frame(source, group[0].file_name)
            except InputError as error:
                yield error
            continue
        wanted, error = {photo.page for photo in group}, None
        for page, frame in enumerate(sources.frames(source, all_pages=True)):
            if isinstance(frame, InputError):
                error = frame
            elif page in wanted:
                wanted.discard(page)
                yield frame
        yield from [error] * len(wanted)


def file_names(sources: list, own: list[PurePosixPath], pages: list[int | None]) -> list[str]:
    """The names of the photos within their sources, or with as many folders as all need."""
    names = [_paged(name.as_posix(), page) for name, page in zip(own, pages, strict=True)]
    if len(set(names)) == len(names):
        return names
    parts = [
        source.absolute().parts if isinstance(source, Path) else (str(name),)
        for source, name in zip(sources, own, strict=True)
    ]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        paths = ["/".join(part[-depth:]) for part in parts]
        names = [_paged(path, page) for path, page in zip(paths, pages, strict=True)]
        if len(set(names)) == len(names):
            return names
    return [str(source) for source in sources]  # one photo by several links or addresses


def _clip_name(source) -> str:
    """What the files of a video are called after."""
    from multiposenet.sources import sequence, video

    if isinstance(source, int):
        return f"camera-{source}"
    if video.is_live(source):
        return PurePosixPath(_name_of(source, "stream")).stem
    if sequence.is_sequence(source):
        return Path(source).absolute().parent.name or "frames"
    return source.stem


def _known_by(source) -> str:
    """What tells that it is the same camera, stream or sequence of images."""
    from multiposenet.sources import sequence

    if sequence.is_sequence(source):
        with contextlib.suppress(InputError, OSError):  # reading it will tell
            files = [path for _, path in sequence.numbered(source)]
            newest = max(path.stat().st_mtime_ns for path in files)
            return f"{Path(source).absolute()}: {len(files)} files, {newest}"
    return str(source)


def _name_of(url: str, default: str = "page") -> str:
    """A file name for what an address serves, which may be any text."""
    try:
        name = PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError as error:
        raise InputError(f"{url}: url: {error}; correct the address") from error
    name = "".join(c for c in name if c.isprintable() and c not in '\\:*?"<>|')[-100:]
    return name.lstrip(".") or default


def _paged(name: str, page: int | None, mark: str = "#") -> str:
    return name if page is None else f"{name}{mark}{page}"


def _is_text(source) -> bool:
    try:
        return isinstance(source, bytes) or bool(os.path.abspath(str(source)).encode())
    except UnicodeEncodeError:
        return False
