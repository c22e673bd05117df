"""Model names to weight files: bundled, cached or downloaded, always checked by sha256.

`weights/manifest.json` is the one list of what exists:

    {"format": 1,
     "models": {"multiposenet-nano": {
         "architecture": {...},                    keyword arguments of MultiPoseNet
         "file": "multiposenet-nano.weights.h5",   bundled beside the manifest, or in the cache
         "sha256": "...", "bytes": 8400000,
         "url": null,                              where to download it when it is not bundled
         "card": "cards/multiposenet-nano.md",
         "recipe": "...", "data": "...", "metrics": {...}, "licence": "..."}},
     "assigners": {...},                           the same, for `multiposenet.systems.assigners`
     "movenet": {"movenet-multipose.json": {...},  released MoveNets, to begin with; each in two
                 "movenet-multipose.bin": {...}},  files
     "published": {"hourglass-8": {                files of other projects, for `convert-weights`
         "url": "...", "most_bytes": 2000000000,   not more is downloaded
         "sha256": null,                           not known here: see `resolve`
         "sha256_begins": "...",                   8 digits that its publisher tells, if any
         "kind": "hourglass", "source": "...", "licence": "..."}}}

Only the standard library is imported here, so listing names costs nothing.
"""

import difflib
import json
import os
import re
import warnings
from functools import cache
from importlib import resources
from pathlib import Path

from multiposenet.errors import MultiPoseNetWarning, WeightsError
from multiposenet.files import bounded_files, checksums
from multiposenet.files.checksums import sha256_of
from multiposenet.files.downloads import download
from multiposenet.files.writing import atomic_write

FORMAT = 1
_MAX_MANIFEST = 1 << 20  # bytes


def names(kind: str = "models") -> list[str]:
    """Names of all models, or other `"assigners"`, in the manifest, sorted."""
    return sorted(_manifest().get(kind, {}))


def is_name(given: str | os.PathLike, kind: str = "models") -> bool:
    """Whether a text names a model of the zoo, even if there is a file or folder of that name.

    A path is told from it by a separator, `./multiposenet-nano`, or by being a `Path`.
    """
    return isinstance(given, str) and given in names(kind)


def entry(name: str, kind: str = "models") -> dict:
    """The manifest entry of a model.

    Args:
        name: a name from `names(kind)`.
        kind: `"models"` or `"assigners"`.

    Returns:
        A copy of the entry, with `name` added.

    Raises:
        WeightsError: no such model; the message lists the known ones and the closest.
    """
    models = _manifest().get(kind, {})
    if name not in models:
        close = difflib.get_close_matches(str(name), models, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = ", ".join(sorted(models)) or "none yet"
        raise WeightsError(
            f"{name}: model: unknown name; {hint}use one of: {known}; or the path of a weights file"
        )
    return {"name": name, **json.loads(json.dumps(models[name]))}


def resolve(name: str, kind: str = "models") -> Path:
    """The checked weight file of a model: the bundled one, the cached one, or downloaded now.

    Files of other projects (`"published"`) whose sha256 is not known here are taken as they are
    when first seen, as long as it begins as their publishers say, and a `MultiPoseNetWarning` tells
    it. It is kept beside the file, and from then on it must stay the same.

    Args:
        name: a name from `names(kind)`.
        kind: `"models"`, `"assigners"` or another of the manifest.

    Returns:
        Path of a file whose sha256 equals the manifest's.

    Raises:
        WeightsError: unknown name; no file and nowhere to download it from; wrong sha256.
    """
    known = entry(name, kind)
    if known["sha256"] is None:
        return _first_seen(known)
    bundled = _folder() / known["file"]
    if bundled.is_file():
        check(bundled, known["sha256"], f"reinstall multiposenet to restore {known['file']}")
        return bundled
    cached = cache_dir() / known["file"]
    if cached.is_file():
        check(cached, known["sha256"], "delete the file so that it is downloaded again")
        return cached
    if not known.get("url"):
        raise WeightsError(
            f"{name}: file: {known['file']} is not in this installation and has no download "
            f"address; put the file at {cached}"
        )
    return download(known["url"], known["sha256"], cached, known.get("bytes"))


def _first_seen(known: dict) -> Path:
    """The cached file, checked by what was first seen of it; or downloaded now."""
    path = cache_dir() / known["file"]
    beside = checksums.sidecar(path)
    if not path.is_file():
        beside.unlink(missing_ok=True)  # of a file that was removed
        download(known["url"], None, path, most=known["most_bytes"])
    elif beside.exists():
        checksums.check(path)
        return path
    line = checksums.line(path, path.name)
    if not line.startswith(begins := known.get("sha256_begins", "")):
        raise WeightsError(
            f"{path}: sha256: the file is {line[:12]}..., its publisher's name of it says "
            f"{begins}...; delete the file so that it is downloaded again"
        )
    with atomic_write(beside) as partial:
        partial.write_text(line, encoding="utf-8")
    warnings.warn(
        MultiPoseNetWarning(
            f"{known['name']}: sha256: {line.split()[0]} is what {path} has; nobody has told which "
            f"is right, so compare it with {known['source']} before you trust it; from now on the "
            "file must keep it"
        ),
        stacklevel=3,
    )
    return path


def cache_dir() -> Path:
    """Folder of downloaded weights: `$MULTIPOSENET_CACHE`, else `~/.cache/multiposenet`.

    Raises:
        WeightsError: whose home that is, is not known, as in some containers.
    """
    named = os.environ.get("MULTIPOSENET_CACHE") or "~/.cache/multiposenet"
    folder = os.path.expanduser(named)
    if folder.startswith("~"):
        raise WeightsError(f"{named}: cache: no such home; name a folder with MULTIPOSENET_CACHE")
    return Path(folder)


def check(path: str | Path, sha256: str, remedy: str) -> None:
    """Raises `WeightsError` unless the file has this sha256."""
    found = sha256_of(path)
    if found != sha256.lower():
        raise WeightsError(
            f"{path}: sha256: the file is {found[:12]}..., expected {sha256[:12]}...; {remedy}"
        )


def _folder() -> Path:
    # A real folder: the package is installed unzipped (zip_safe = false).
    return Path(str(resources.files("multiposenet.weights")))


@cache
def _manifest() -> dict:
    path = _folder() / "manifest.json"
    try:
        manifest = bounded_files.read_json(path, _MAX_MANIFEST)
    except bounded_files.Unreadable as error:
        raise WeightsError(f"{path}: manifest: {error.problem}; reinstall multiposenet") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise WeightsError(f"{path}: format: {found!r:.60}, expected {FORMAT}; update multiposenet")
    for kind, entries in manifest.items():
        if kind != "format" and (field := _wrong_field(kind, entries)):
            raise WeightsError(
                f"{path}: {field:.200}: missing, or not what it should be; reinstall multiposenet"
            )
    return manifest


def _wrong_field(kind: str, entries) -> str | None:
    """The first field of a manifest's entries that cannot be relied on."""
    if not isinstance(entries, dict):
        return kind
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            return f"{kind}.{name}"
        fields = _FIELDS | (_PUBLISHED if kind == "published" else {})
        for field, good in fields.items():
            if not good(entry.get(field, _ABSENT)):
                return f"{kind}.{name}.{field}"
    return None


def _is_file_name(value) -> bool:
    """A name in a folder, which leads nowhere else."""
    plain = isinstance(value, str) and value.isprintable() and not value.startswith(".")
    return plain and 0 < len(value) <= 200 and not set(value) & {*"/\\:"}


_ABSENT, _HEX8 = object(), re.compile("[0-9a-f]{8}")
# Field -> whether a value is what the others rely on.
_FIELDS = {
    "file": _is_file_name,
    "sha256": lambda value: bool(re.fullmatch("[0-9a-fA-F]{64}", str(value))),
    "bytes": lambda value: value is _ABSENT or type(value) is int and 0 < value < 1 << 40,
    "url": lambda value: value in (None, _ABSENT) or isinstance(value, str),
    "architecture": lambda value: value is _ABSENT or isinstance(value, dict),
    "options": lambda value: value is _ABSENT or isinstance(value, dict),
}
_PUBLISHED = {
    "sha256": lambda value: value is None or _FIELDS["sha256"](value),
    "sha256_begins": lambda value: value is _ABSENT or bool(_HEX8.fullmatch(str(value))),
    "url": lambda value: isinstance(value, str),
    "most_bytes": lambda value: type(value) is int and 0 < value < 1 << 40,
    "kind": lambda value: isinstance(value, str),
    "source": lambda value: isinstance(value, str),
}
