"""The record of a folder of `predict`: JSON lines, of which a kill may leave the last one torn.

A head says what the run was and which drawings are older. Then comes a claim before each drawing is
made, a line when its photo is done, and the checksum of each file of results before it is there.
"""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from multiposenet.files.checksums import sha256_of


@dataclass(frozen=True)
class Line:
    """A photo that is done.

    Attributes:
        photo: what tells that it is the same photo, as JSON has it.
        picture: the name of its drawing.
        stamp: size and time of the drawing; None if there is none.
        rows: of the results.
    """

    photo: list
    picture: str
    stamp: list | None
    rows: list


@dataclass
class Record:
    """What a record says.

    Attributes:
        about: what the results depend on besides the photos.
        pictures: name -> stamp of all drawings that were made.
        photos: name of the drawing -> what tells that it is the same photo, of all that are done.
        claimed: the names of the drawings that were being made.
        results: checksums of the files of results, of which the last may have come or not.
    """

    about: dict = field(default_factory=dict)
    pictures: dict = field(default_factory=dict)
    photos: dict = field(default_factory=dict)
    claimed: set = field(default_factory=set)
    results: list = field(default_factory=list)

    def knows(self, results: Path) -> bool:
        """Whether a file of results is of this record, and was not changed."""
        return results.is_file() and sha256_of(results) in self.results[-2:]


def read(path: Path) -> Record:
    """Reads a record as far as it is whole; a missing or a wrong file says nothing."""
    found = Record()
    for line in _whole_lines(path):
        if isinstance(line, Line):
            found.pictures[line.picture] = line.stamp
            found.photos[line.picture] = line.photo
            found.claimed.discard(line.picture)
        elif line.keys() == {"claimed"}:
            found.claimed.add(str(line["claimed"]))
        elif line.keys() == {"results"}:
            found.results.append(line["results"])
        else:
            found = Record(line["about"], line["pictures"], results=[line["before"]])
    return found


def lines(path: Path) -> Iterator[Line]:
    """The photos that are done, in order."""
    return (line for line in _whole_lines(path) if isinstance(line, Line))


def _whole_lines(path: Path) -> Iterator[Line | dict]:
    head = {"about": dict, "pictures": dict, "before": object}
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file):
                content = json.loads(text)
                fields = Line.__annotations__ if number else head
                whole = content.keys() == fields.keys() and all(
                    isinstance(content[name], kind) for name, kind in fields.items()
                )
                note = number and content.keys() in ({"claimed"}, {"results"})
                if not (whole or note):
                    return
                yield Line(**content) if number and whole else content
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return


class Writer:
    """A record that is being written.

    Args:
        path: of the file, which is written anew.
        about, pictures: as in a `Record`.
        before: the checksum of the results that are there, if any.
    """

    def __init__(self, path: Path, about: dict, pictures: dict, before: str | None):
        self._file = path.open("wb", buffering=0)
        self._put({"about": about, "pictures": pictures, "before": before})

    def claim(self, picture: str) -> None:
        """A drawing is about to be made."""
        self._put({"claimed": picture})

    def add(self, line: Line) -> None:
        """A photo is done."""
        self._put(asdict(line))

    def results(self, sha256: str) -> None:
        """A file of results is about to appear."""
        self._put({"results": sha256})
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()

    def _put(self, content: dict) -> None:
        text = json.dumps(content).encode() + b"\n"
        if self._file.write(text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
