"""What the verbs say: error lines, progress, tables."""

import sys
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from multiposenet.errors import MultiPoseNetWarning


def report(problem: Exception | str) -> None:
    """One line on stderr."""
    text = printable(" ".join(str(problem).split()), sys.stderr)
    print(f"multiposenet: {text}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """A text on stdout, line breaks and all."""
    print(printable(text))


def printable(text: str, stream=None) -> str:
    """A text that may name files or quote them, as a stream, by default stdout, may have it.

    Characters that a terminal would obey instead of showing them are written as escapes.
    """
    if not text.isprintable():
        text = "".join(letter if _is_shown(letter) else _escaped(letter) for letter in text)
    coding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return text.encode(coding, "backslashreplace").decode(coding)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter == "\n" or unicodedata.category(letter) == "Zs"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


@contextmanager
def notes():
    """Turns the package's warnings within the block into lines on stderr, behind it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", MultiPoseNetWarning)
        yield
    for warning in told:
        if issubclass(warning.category, MultiPoseNetWarning):
            report(f"note: {warning.message}")
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def progress(items: Iterable, total: int | None, what: str) -> Iterator:
    """The items, with a progress bar on stderr when that is a terminal.

    Args:
        items: what is counted.
        total: how many there are, None if nobody knows.
        what: is done.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich import progress
    from rich.console import Console

    class Rate(progress.ProgressColumn):
        def render(self, task):
            return f"{task.speed or 0:.1f}/s"

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=printable(what, sys.stderr))


def print_table(headers: list[str], rows: list[list[str]]) -> None:
    """A table on stdout; the first column is left-aligned, the others right-aligned.

    It is cut to a terminal, but whole in a file or pipe.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column, header in enumerate(headers):
        table.add_column(printable(header), justify="right" if column else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(printable, row))
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, markup=False, width=width).print(table)
