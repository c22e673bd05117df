"""How many actors fit into a cluster, and with how many processors each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from multiposenet.errors import InputError

USUAL = 2  # CPUs of an actor: several small ones share a machine better than one large one
_CHOICES = (USUAL, 1)


@dataclass(frozen=True)
class Share:
    """What the actors get.

    Attributes:
        actors: how many.
        cpus: of each.
    """

    actors: int
    cpus: float

    @property
    def threads(self) -> int:
        """That a model may use in an actor."""
        return max(1, int(self.cpus))


def share(
    nodes: Sequence[float], kept: int, actors: int | None = None, cpus: float | None = None
) -> Share:
    """Chooses what the caller left open so that everything can run at the same time.

    Actors hold their CPUs for the whole run. Two of one CPU on a machine of two leave nothing to
    the tasks that read for them, and all wait for ever.

    Args:
        nodes: CPUs of each machine.
        kept: CPUs that other work needs, such as reading.
        actors, cpus: wanted, or None.

    Raises:
        InputError: they do not fit.
    """
    for each in _CHOICES if cpus is None else (cpus,):
        most = min(sum(math.floor(node / each) for node in nodes), (sum(nodes) - kept) / each)
        if most >= (actors or 1):
            return Share(actors or math.floor(most), each)
    total, each = sum(nodes), cpus or min(_CHOICES)
    others = f" besides {kept} for reading and writing" if kept else ""
    most = min(sum(math.floor(node / each) for node in nodes), math.floor((total - kept) / each))
    remedy = f"take {most} actors" if most > 0 else "take fewer CPUs for each, or a larger cluster"
    raise InputError(
        f"ray: actors: {actors or 1} of {each:g} CPUs{others} do not fit into the cluster's "
        f"{total:g} on {len(nodes)} machines; {remedy}"
    )
