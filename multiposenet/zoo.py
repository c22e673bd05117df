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
     "assigners": {...}}                           the same, for `multiposenet.systems.assigners`

Only the standard library is imported here, so listing names costs nothing.
"""

import difflib
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import cache
from importlib import resources
from pathlib import Path

from multiposenet.errors import WeightsError

FORMAT = 1
CHUNK = 1 << 20  # bytes read at a time
TIMEOUT = 30  # seconds without a byte
ATTEMPTS = 3


def names(kind: str = "models") -> list[str]:
    """Names of all models, or other `"assigners"`, in the manifest, sorted."""
    return sorted(_manifest().get(kind, {}))


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

    Args:
        name: a name from `names(kind)`.
        kind: `"models"` or `"assigners"`.

    Returns:
        Path of a file whose sha256 equals the manifest's.

    Raises:
        WeightsError: unknown name; no file and nowhere to download it from; wrong sha256.
    """
    known = entry(name, kind)
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
    return download(known["url"], known["sha256"], cached)


def cache_dir() -> Path:
    """Folder of downloaded weights: `$MULTIPOSENET_CACHE`, else `~/.cache/multiposenet`."""
    named = os.environ.get("MULTIPOSENET_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "multiposenet"


def sha256_of(path: str | Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check(path: str | Path, sha256: str, remedy: str) -> None:
    """Raises `WeightsError` unless the file has this sha256."""
    found = sha256_of(path)
    if found != sha256.lower():
        raise WeightsError(
            f"{path}: sha256: the file is {found[:12]}..., expected {sha256[:12]}...; {remedy}"
        )


def download(url: str, sha256: str, path: str | Path, pause: float = 1.0) -> Path:
    """Downloads one file; it appears under `path` only when complete and checked.

    The bytes go to a file ending in ".part" beside it. A connection that breaks is taken up where
    it stopped (HTTP Range), within this call and in a later one; a server that ignores the range
    sends it all again.

    Args:
        url: an http, https or file address.
        sha256: what the file must hash to, hexadecimal.
        path: where to put it; its folder is made.
        pause: seconds before the second attempt, doubled for each further one.

    Returns:
        `path`.

    Raises:
        WeightsError: address refused (404 and the like), not reachable, wrong sha256 (nothing is
            left behind then), or the folder cannot be written.
    """
    path = Path(path)
    by_hand = f"download {url} by other means and put it at {path}"
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https", "file"):
        raise WeightsError(f"{url}: url: scheme {scheme!r} is not http, https or file; {by_hand}")
    # The hash in the name keeps a part of an older version from being continued.
    part = path.with_name(f"{path.name}.{sha256[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "ab") as file:
            problem = _fetch_patiently(url, file, pause)
        if problem:
            if part.stat().st_size == 0:
                part.unlink()
            raise WeightsError(f"{path.name}: url: {url} {problem}; {by_hand}")
        if sha256_of(part) != sha256.lower():
            part.unlink()
            raise WeightsError(f"{path.name}: sha256: {url} serves another file; {by_hand}")
        os.replace(part, path)
    except OSError as error:
        raise WeightsError(
            f"{path}: folder: {_one_line(error)}; make it writable, or name another with the "
            f"variable MULTIPOSENET_CACHE"
        ) from error
    return path


def _fetch_patiently(url: str, file, pause: float) -> str | None:
    """Fetches what `file` lacks, in several attempts; returns what is wrong, None when done."""
    problem = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            _fetch(url, file)
            return None
        except urllib.error.HTTPError as error:
            error.close()
            problem = f"answers {error.code} {error.reason}"
            if error.code == 416:  # what is here is as long as the file or longer: start anew
                file.truncate(0)
            elif error.code < 500 and error.code not in (408, 429):
                break
        except (OSError, http.client.HTTPException) as error:
            problem = f"cannot be fetched ({_one_line(getattr(error, 'reason', None) or error)})"
    return problem


def _fetch(url: str, file) -> None:
    """Appends to `file` what it lacks; raises OSError or HTTPException when cut off."""
    request = urllib.request.Request(url, headers={"User-Agent": "multiposenet"})
    if have := file.seek(0, os.SEEK_END):
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if getattr(answer, "status", None) != 206:  # the whole file, not its rest
            file.truncate(0)
        missing = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            missing -= len(chunk)
    if missing > 0:
        raise http.client.IncompleteRead(b"", missing)


def _one_line(text) -> str:
    return " ".join(str(text).split())


def _folder() -> Path:
    # A real folder: the package is installed unzipped (zip_safe = false).
    return Path(str(resources.files("multiposenet.weights")))


@cache
def _manifest() -> dict:
    path = _folder() / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: manifest: {error}; reinstall multiposenet") from error
    if manifest.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: format: {manifest.get('format')!r}, expected {FORMAT}; update multiposenet"
        )
    return manifest
