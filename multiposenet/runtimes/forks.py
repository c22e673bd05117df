"""What a fork breaks: a runtime's threads and locks stay behind in the parent process."""

import os

from multiposenet.errors import ForkError

KERAS = "Keras or its backend"
_PROCESS_OF = {}  # runtime -> the process that has used it first


def check(runtime: str) -> None:
    """To be called before a runtime that does not survive a fork is used, whatever for.

    Raises:
        ForkError: it was in use when this process was forked: it would wait forever.
    """
    first = _PROCESS_OF.setdefault(runtime, os.getpid())
    if first != os.getpid():
        raise ForkError(
            f"{runtime}: fork: was in use before this process was forked (process {first}), and "
            "would hang; start processes with multiprocessing.get_context('spawn')"
        )


def of_each_process(make):
    """A function that is made anew in every process that calls it.

    Args:
        make: function of no arguments that returns the function.
    """
    made = {os.getpid(): make()}

    def call(*arguments):
        process = os.getpid()
        if process not in made:
            made.setdefault(process, make())  # no lock: a fork may have left it locked
        return made[process](*arguments)

    return call
