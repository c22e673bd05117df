"""The folder that `predict` writes: what is whose, and what is done whatever ends the process.

    DIR/<name>.png        a picture for each photo
    DIR/poses.json        the results, a whole file at all times
    DIR/.predict.jsonl    what was written here, with the results of every photo that is done

Only what the record names, and what nobody has changed since, is ever replaced. Writing the results
anew takes a twentieth of the time at most, so that the file is a little behind the record while a
run lasts.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from multiposenet.commands.prediction import record
from multiposenet.commands.prediction.record import Line
from multiposenet.errors import InputError
from multiposenet.files import file_lock, writing
from multiposenet.files.checksums import sha256_of

if TYPE_CHECKING:
    from multiposenet.sources import TableRow

RESULTS, RECORD, LOCK = "poses.json", ".predict.jsonl", ".predict.lock"
_SHARE = 20  # of the time goes into writing the results, at most a part in so many


@dataclass(frozen=True)
class Photo:
    """A photo and what it is called in the results.

    Attributes:
        source: the file, an address, a row of a table, or the encoded photo itself.
        page: of the file, counted from 0; None if the file is one photo.
        image_id: of its results.
        file_name: of its results.
        picture: the name of its drawing, by which the record knows it if there is none, too.
    """

    source: "Path | str | TableRow | bytes"
    page: int | None
    image_id: int
    file_name: str
    picture: str

    def __str__(self) -> str:
        return self.file_name if isinstance(self.source, bytes) else str(self.source)

    def identity(self) -> list:
        """What must be the same for an earlier result to be its result, as JSON has it."""
        if isinstance(self.source, Path):
            place = self.source.resolve()
            about = [str(place), _stamp(place)]
        elif isinstance(self.source, bytes):
            about = [hashlib.sha256(self.source).hexdigest(), None]
        elif isinstance(self.source, str):
            about = [self.source, None]
        else:
            about = [f"{self.source.table.resolve()}[{self.source.row}]", _stamp(self.source.table)]
        return [*about, self.page, self.image_id, self.file_name]


@contextmanager
def opened(folder: Path, overwrite: bool = False) -> Iterator["PredictionFolder"]:
    """A folder that no other process writes into meanwhile.

    Args:
        folder: it exists.
        overwrite: whether files of others may be replaced.

    Raises:
        InputError: another process does, or there are results of somebody else.
    """
    try:
        with file_lock.held(folder / LOCK):
            out = PredictionFolder(folder, overwrite)
            try:
                yield out
            finally:
                out.close()
    except file_lock.Held as error:
        raise InputError(
            f"{folder}: --out: another process writes into it; wait for its end, or name another "
            "folder"
        ) from error


class PredictionFolder:
    """See the module; made by `opened`.

    Attributes:
        folder: where it is.
        results: its file of results.
        photos: that are done.
        people: found in them.
    """

    def __init__(self, folder: Path, overwrite: bool = False):
        self.folder, self.overwrite = folder, overwrite
        self.results, self._record = folder / RESULTS, folder / RECORD
        self.photos = self.people = 0
        self._before = record.read(self._record)
        self._pictures = self._before.pictures
        for claimed in self._before.claimed:  # a kill may have come between drawing and line
            self._pictures[claimed] = _stamp(folder / claimed)
        self._writer = None
        own = self._before.knows(self.results)
        # A link stays one and what it points to is written, so this follows it.
        own = own or (overwrite and self.results.is_file())
        if os.path.lexists(self.results) and not own:
            raise InputError(
                f"{self.results}: --out: is not what predict left there; name another folder, or "
                "replace it with --overwrite"
            )

    def owns(self, path: Path) -> bool:
        """Whether a file is a drawing that was made here and has not changed since."""
        return path.resolve().parent == self.folder.resolve() and self._made(path)

    def foreign_names(self) -> set[str]:
        """Names in the folder, in lower case, that a drawing may not get."""
        # Lower case: on some file systems A.png and a.png are one file.
        return {path.name.lower() for path in self.folder.iterdir() if not self._may_replace(path)}

    def plan(
        self, photos: list[Photo], about: dict, resume: bool, parts: Sequence[Photo] = ()
    ) -> list[Photo]:
        """Decides what is to be done.

        Args:
            photos: all.
            about: what the results depend on besides them, as JSON has it.
            resume: whether to keep what is done of an earlier run.
            parts: files that are no pictures of photos, and have no rows.

        Returns:
            The photos and parts without those that are done.

        Raises:
            InputError: the earlier run was another.
        """
        self._about = json.loads(json.dumps(about))
        photos = [*photos, *parts]
        self._parts = {part.picture for part in parts}
        self._identities = {photo.picture: photo.identity() for photo in photos}
        drawings = [self.folder / photo.picture for photo in photos]
        writing.remove_partials(self.results, self._record, *drawings)
        if not (resume and self._before.photos):
            return photos
        self._check_same()
        done = {picture for picture in self._before.photos if self._holds(picture)}
        if done:
            self._begin(done)
        return [photo for photo in photos if photo.picture not in done]

    def claim(self, photo: Photo) -> Path:
        """Where the drawing of a photo goes.

        Raises:
            InputError: somebody else's file has come to be there.
            OSError: nothing can be written in the folder.
        """
        path = self.folder / photo.picture
        if os.path.lexists(path) and not self._may_replace(path):
            raise InputError(f"{path}: picture: the file is not of predict; use another folder")
        if not self._writer:
            self._begin(set())
        self._writer.claim(photo.picture)
        return path

    def add(self, photo: Photo, rows: list[dict], drawn: bool = True) -> None:
        """Adds the results of a photo whose drawing is there, or that gets none.

        Raises:
            OSError: they cannot be written.
        """
        if not self._writer:
            self._begin(set())
        stamp = _stamp(self.folder / photo.picture) if drawn else None
        self._add(Line(self._identities[photo.picture], photo.picture, stamp, rows))
        if time.monotonic() >= self._next:
            self.write_results()

    def rows(self) -> Iterator[dict]:
        """The results of all photos that are done, one after the other."""
        return (row for line in record.lines(self._record) for row in line.rows)

    def write_results(self) -> None:
        """Writes the file of results anew, of all that is done."""
        start = time.monotonic()
        with writing.atomic_write(self.results) as partial:
            with partial.open("w", encoding="utf-8") as file:
                writing.dump_list(self.rows(), file)
            self._writer.results(sha256_of(partial))
        now = time.monotonic()
        self._next, self._behind = now + _SHARE * (now - start), False

    def close(self) -> None:
        """Leaves all that is done in the file of results."""
        if self._writer:
            try:
                if self._behind:
                    self.write_results()
            finally:
                self._writer.close()
                self._writer = None

    def _made(self, path: Path) -> bool:
        stamp = _stamp(path)
        return stamp is not None and self._pictures.get(path.name) == stamp

    def _may_replace(self, path: Path) -> bool:
        return self._made(path) or (self.overwrite and _stamp(path) is not None)

    def _holds(self, picture: str) -> bool:
        """Whether a photo's earlier result is what it would be today."""
        same = self._identities.get(picture) == self._before.photos[picture]
        drawn = self._pictures.get(picture) is not None
        return same and (not drawn or self._made(self.folder / picture))

    def _check_same(self) -> None:
        before, now = self._before.about, self._about
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise InputError(
                    f"{self.folder}: --resume: the results there are of {name} {before.get(name)}, "
                    f"not {now.get(name)}; give the same arguments, or start anew without --resume"
                )

    def _begin(self, kept: set[str]) -> None:
        """Starts the record anew, with the photos that are kept."""
        before = sha256_of(self.results) if self.results.is_file() else None
        pictures = {name: mark for name, mark in self._pictures.items() if mark}
        with writing.atomic_write(self._record) as partial:
            self._writer = record.Writer(partial, self._about, pictures, before)
            for line in record.lines(self._record):
                if line.picture in kept:
                    self._add(line)
        self.write_results()

    def _add(self, line: Line) -> None:
        self._writer.add(line)
        self._pictures[line.picture] = line.stamp
        self.photos += line.picture not in self._parts
        self.people += len(line.rows)
        self._behind = True


def _stamp(path: Path) -> list | None:
    """Size and time of a file, which tell whether it has changed; None of what is no file."""
    try:
        about = path.lstat()
    except OSError:
        return None
    return [about.st_size, about.st_mtime_ns] if stat.S_ISREG(about.st_mode) else None
