"""Files from the network: checked, of a known size, and whole or not there."""

import errno
import http.client
import os
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from multiposenet.errors import WeightsError
from multiposenet.files import file_lock
from multiposenet.files.checksums import sha256_of

CHUNK = 1 << 20  # bytes read at a time
TIMEOUT = 30  # seconds without a byte
SLOWEST = 1000  # bytes per second, on average
ATTEMPTS = 3


def download(
    url: str,
    sha256: str | None,
    path: str | os.PathLike,
    size: int | None = None,
    pause: float = 1.0,
    most: int | None = None,
) -> Path:
    """Downloads one file; it appears under `path` only when complete and checked.

    The bytes go to a file ending in ".part" beside it. A connection that breaks is taken up where
    it stopped (HTTP Range), within this call and in a later one; a server that ignores the range
    sends it all again. Of several processes one downloads, and the others wait for its file.

    Args:
        url: an http, https or file address. It may redirect to https, or from http to http.
        sha256: what the file must hash to, hexadecimal; None if nobody knows. What an earlier call
            left is then not continued, since it may be of another file.
        path: where to put it; its folder is made.
        size: of the file in bytes, if it is known; no more are written.
        pause: seconds before the second attempt, doubled for each further one.
        most: bytes that are written at most, where the size is not known.

    Returns:
        `path`.

    Raises:
        WeightsError: address refused (404 and the like), not reachable, too slow, wrong size or
            sha256 (nothing is left behind then), or the folder cannot be written.
    """
    path = Path(path)
    by_hand = f"download {url} by other means and put it at {path}"
    if (scheme := _scheme(url)) not in ("http", "https", "file"):
        raise WeightsError(f"{url}: url: scheme {scheme!r} is not http, https or file; {by_hand}")
    # The hash in the name keeps a part of an older version from being continued.
    part = path.with_name(f"{path.name}.{sha256[:8] if sha256 else 'unknown'}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock.held(part.with_suffix(".lock"), wait=True):
            if path.is_file() and (sha256 is None or sha256_of(path) == sha256.lower()):
                return path  # by the process that was waited for
            if sha256 is None:
                part.unlink(missing_ok=True)
            problem = _into(part, url, sha256 and sha256.lower(), size, pause, most)
            if problem:
                raise WeightsError(f"{path.name}: {problem}; {by_hand}")
            os.replace(part, path)
    except OSError as error:
        raise WeightsError(
            f"{path}: folder: {_one_line(error)}; make it writable, make room, or name another "
            "with the variable MULTIPOSENET_CACHE"
        ) from error
    return path


def content(url: str, most: int, seconds: float) -> bytes:
    """What an address serves, kept in memory; asked for once.

    Args:
        url: an http or https address. It may redirect to https, or from http to http.
        most: bytes at most.
        seconds: that it may take.

    Raises:
        WeightsError: address refused, not reachable, too slow or too much.
    """
    by_hand = "download it by other means and name the file"
    begin, parts, got = time.monotonic(), [], 0
    request = urllib.request.Request(url, headers={"User-Agent": "multiposenet"})
    try:
        with _OPENER.open(request, timeout=min(seconds, TIMEOUT)) as answer:
            while chunk := answer.read1(CHUNK):
                parts.append(chunk)
                got += len(chunk)
                if got > most:
                    raise _Refused(f"serves more than {most >> 20} MiB")
                if time.monotonic() - begin > seconds:
                    raise TimeoutError(f"takes more than {seconds:g} seconds")
            if answer.length:  # what was announced and has not come
                raise http.client.IncompleteRead(b"", answer.length)
    except urllib.error.HTTPError as error:
        error.close()
        raise WeightsError(
            f"{url}: url: answers {error.code} {_one_line(error.reason)}; {by_hand}"
        ) from error
    except (_Refused, OSError, http.client.HTTPException, ValueError) as error:
        reason = _one_line(getattr(error, "reason", None) or error)
        raise WeightsError(f"{url}: url: cannot be fetched ({reason}); {by_hand}") from error
    return b"".join(parts)


def _into(part: Path, url: str, sha256: str | None, *limits) -> str | None:
    """Completes a part, or says what is wrong; limits: as of `_fetch_patiently`."""
    with _open(part) as file:
        went_on = os.fstat(file.fileno()).st_size > 0
        problem = _fetch_patiently(url, file, *limits)
        wrong = not problem and sha256 is not None and sha256_of(part) != sha256
        if wrong and went_on:  # with a part that was damaged
            file.truncate(0)
            problem = _fetch_patiently(url, file, *limits)
            wrong = not problem and sha256_of(part) != sha256
        if wrong:
            file.truncate(0)
            problem = f"sha256: {url} serves another file"
        os.fsync(file.fileno())
        empty = os.fstat(file.fileno()).st_size == 0
    if problem and empty:
        part.unlink()
    return problem


def _open(part: Path):
    """Opens a part to be continued; what only looks like one gives way to a new file.

    A link, a pipe, a file of another user's or one of several names is nothing to write into.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # not all systems have them
        flags |= getattr(os, name, 0)
    try:
        handle = os.open(part, flags, 0o666)
        if _is_own(os.fstat(handle)):
            return os.fdopen(handle, "a+b", buffering=0)
        os.close(handle)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise
    part.unlink()
    return os.fdopen(os.open(part, flags | os.O_EXCL, 0o666), "a+b", buffering=0)


def _is_own(about: os.stat_result) -> bool:
    mine = not hasattr(os, "geteuid") or about.st_uid == os.geteuid()
    return stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and mine


class _Refused(Exception):
    """An answer that would be no better the next time."""


class _Unwritable(Exception):
    """Raised from the `OSError` of the disk, which is none of the network's."""


def _fetch_patiently(
    url: str, file, size: int | None, pause: float, most: int | None = None
) -> str | None:
    """Fetches what `file` lacks, in several attempts; returns what is wrong, None when done."""
    problem = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            if size is None or os.fstat(file.fileno()).st_size != size:
                _fetch(url, file, size, most)
            return None
        except urllib.error.HTTPError as error:
            error.close()
            problem = f"answers {error.code} {_one_line(error.reason)}"
            if error.code == 416:  # what is here is as long as the file or longer: start anew
                file.truncate(0)
            elif error.code < 500 and error.code not in (408, 429):
                break
        except (_Refused, ValueError) as error:  # an address or a header that means nothing
            file.truncate(0)
            problem = _one_line(error)
            break
        except _Unwritable as error:
            raise error.__cause__ from None
        except (OSError, http.client.HTTPException) as error:
            problem = f"cannot be fetched ({_one_line(getattr(error, 'reason', None) or error)})"
    return problem and f"url: {url} {problem}"


def _fetch(url: str, file, size: int | None, most: int | None) -> None:
    """Appends to `file` what it lacks; raises OSError or HTTPException when cut off."""
    request = urllib.request.Request(url, headers={"User-Agent": "multiposenet"})
    if have := file.seek(0, os.SEEK_END):
        request.add_header("Range", f"bytes={have}-")
    with _OPENER.open(request, timeout=TIMEOUT) as answer:
        if not _is_rest(answer, have):
            file.truncate(0)
            have = 0
        length = answer.headers.get("Content-Length")
        whole = None if length is None else have + int(length)
        if None not in (whole, size) and whole != size:
            raise _Refused(f"serves {whole} bytes, not the {size} of this file")
        if None not in (whole, most) and whole > most:
            raise _Refused(f"serves {whole} bytes, more than the {most} that are expected")
        begin, got = time.monotonic(), have
        while chunk := answer.read1(CHUNK):
            got += len(chunk)
            if size is not None and got > size:
                raise _Refused(f"serves more than the {size} bytes of this file")
            if most is not None and got > most:
                raise _Refused(f"serves more than the {most} bytes that are expected")
            _write(file, chunk)
            if time.monotonic() - begin > TIMEOUT + (got - have) / SLOWEST:
                raise TimeoutError(f"less than {SLOWEST} bytes per second")
    expected = size if whole is None else whole
    if expected is not None and got < expected:
        raise http.client.IncompleteRead(b"", expected - got)


def _is_rest(answer, have: int) -> bool:
    """Whether an answer goes on where a part ends; else it is the whole file."""
    if getattr(answer, "status", None) != 206:
        return False
    told = answer.headers.get("Content-Range")
    return told is None or told.startswith(f"bytes {have}-")


def _write(file, chunk: bytes) -> None:
    left = memoryview(chunk)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise _Unwritable from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Goes nowhere less safe than where it came from, and to no file of this machine."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if _scheme(newurl) not in ("https", _scheme(req.full_url)):
            fp.close()
            raise _Refused(f"leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _one_line(text) -> str:
    """What a server or a system says, without what a terminal would take for a command."""
    text = " ".join(str(text).split())[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in text)
