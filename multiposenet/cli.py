"""The command `multiposenet`: one verb per module of `multiposenet.commands`.

Exit status: 0 all done; 1 some inputs failed, each named on stderr, all others done; 2 wrong usage
or nothing usable; after a signal 128 and its number. The verbs import what is heavy inside `run`,
so `--help` answers at once.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from multiposenet import __version__, signals
from multiposenet.commands import (
    bench,
    convert,
    convert_weights,
    evaluate,
    export,
    figures,
    init,
    inspect,
    learn_pose_nms,
    live,
    pack,
    predict,
    result_files,
    serve,
    summary,
    tables,
    train,
    tune,
)
from multiposenet.commands.console import report
from multiposenet.commands.suggestions import Parser
from multiposenet.errors import MultiPoseNetError

VERBS = {
    "predict": predict,
    "bench": bench,
    "convert": convert,
    "convert-weights": convert_weights,
    "evaluate": evaluate,
    "export": export,
    "figures": figures,
    "init": init,
    "inspect": inspect,
    "learn-pose-nms": learn_pose_nms,
    "live": live,
    "pack": pack,
    "serve": serve,
    "summary": summary,
    "tables": tables,
    "train": train,
    "tune": tune,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        The exit status. Wrong usage raises `SystemExit(2)`, `--help` `SystemExit(0)`.
    """
    if any("\0" in text for text in argv or ()):  # no shell can give one, but a caller can
        report("arguments: one has a zero byte, which no file name can have; leave it out")
        return 2
    args = parser().parse_args(argv)
    try:
        with signals.obeyed():
            result_files.check_apart(args)
            return VERBS[args.verb].run(args)
    except MultiPoseNetError as error:
        report(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of stdout has gone, e.g. `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            report(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt as error:
        report(str(error) or "interrupted")
        return 128 + getattr(error, "signal", signal.SIGINT)
    return 2


def parser() -> argparse.ArgumentParser:
    """The argument parser with all verbs."""
    top = Parser(
        prog="multiposenet",
        description="Poses, boxes and masks of all people in photos.",
        epilog="exit status: 0 all done; 1 some inputs failed, each named on stderr, all others "
        "done; 2 wrong usage or nothing usable",
    )
    top.add_argument("--version", action="version", version=f"multiposenet {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in VERBS.items():
        verb = verbs.add_parser(
            name,
            help=module.__doc__.partition("\n")[0],
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=not hasattr(module, "Help"),  # one of its own
        )
        module.add_arguments(verb)
    return top


if __name__ == "__main__":
    sys.exit(main())
