"""The one list of systems: what `--system` of the verbs may name.

A system is a module of its own here, whose `ENTRY` tells the command line what it needs to know.
Neither this module nor those of the entries load Keras or NumPy when they are imported; `load`
does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from multiposenet import zoo
from multiposenet.systems.argument import Argument

# Name -> module of its ENTRY; the first one is the default.
SYSTEMS = {
    "multiposenet": "multiposenet.systems.entries.multiposenet",
    "rmpe": "multiposenet.systems.entries.rmpe",
    "grmi": "multiposenet.systems.entries.grmi",
}


@dataclass(frozen=True)
class Entry:
    """What the command line needs to know of a system.

    Attributes:
        title: its name in messages.
        summary: what it does with ``--model``, for the help of ``--system``.
        load: function of the model's name or file, ``runtime`` and, by name, those of
            ``image_size``, ``score`` and its own arguments that are given; returns a ``System``.
        arguments: of its own.
        runtimes: what runs it, besides ``auto``.
        formats: what it can be exported as.
    """

    title: str
    summary: str
    load: Callable
    arguments: tuple[Argument, ...] = ()
    runtimes: tuple[str, ...] = ("keras",)
    formats: tuple[str, ...] = ()

    def nearest_runtime(self, wanted: str) -> str:
        """The wanted runtime, or "auto" where this system has no such one."""
        return wanted if wanted in self.runtimes else "auto"


def get(name: str) -> Entry:
    """The entry of a system of `SYSTEMS`."""
    return import_module(SYSTEMS[name]).ENTRY


def entries() -> dict[str, Entry]:
    """All entries by name."""
    return {name: get(name) for name in SYSTEMS}


def member(name: str, model, runtime: str, **options):
    """A system of an ensemble, by its name or that of its model.

    Args:
        name: of `SYSTEMS`, which then has the model; or a model of the zoo, of the default system.
        model: as for `Entry.load`.
        runtime: the system's nearest is taken.
        **options: of `Entry.load`.

    Raises:
        ValueError: the name is unknown.
    """
    if name in SYSTEMS:
        entry = get(name)
        return entry.load(model, runtime=entry.nearest_runtime(runtime), **options)
    if not zoo.is_name(name):
        known = ", ".join([*SYSTEMS, *zoo.names()])
        raise ValueError(f"{name!r} is unknown; name some of: {known}")
    return get(next(iter(SYSTEMS))).load(name, runtime=runtime, **options)
