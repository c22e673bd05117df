"""What the verbs share: arguments, error lines, progress, files that appear whole or not at all."""

import argparse
import ast
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from multiposenet.errors import InputError, MultiPoseNetError
from multiposenet.files import atomic_write


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `load_system`."""
    parser.add_argument(
        "--system",
        choices=("multiposenet", "rmpe"),
        default="multiposenet",
        help="rmpe: finds the joints in each of the model's boxes (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME|FILE",
        help="a model of the zoo or a weights file (default: %(default)s)",
    )
    parser.add_argument(
        "--sppe",
        metavar="NAME|RUN",
        help="rmpe: what finds the joints, of the zoo or a run folder of `multiposenet train`",
    )
    parser.add_argument(
        "--pose-nms",
        metavar="FILE|none",
        help="rmpe: parameters of pose NMS by learn-pose-nms; none keeps all poses",
    )
    parser.add_argument(
        "--box-overlap",
        type=_score,
        metavar="IOU",
        help="rmpe: up to which the model's boxes are kept (default: as the SPPE has learnt)",
    )
    add_runtime_argument(parser)
    parser.add_argument(
        "--size",
        type=_side,
        metavar="PIXELS",
        help="longer side of the network's input; photos are enlarged twofold at most",
    )
    parser.add_argument(
        "--score", type=_score, metavar="T", help="drop people scoring below T, from 0 to 1"
    )


def add_runtime_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--runtime`."""
    parser.add_argument(
        "--runtime",
        choices=("auto", "keras", "openvino", "openvino-bf16", "onnx"),
        default="auto",
        help="what runs the model; auto: the fastest that is installed, which exports the model "
        "on first use (default: %(default)s)",
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", metavar="FILE", help="write the result as JSON; - writes to standard output"
    )


def change(text: str) -> tuple[str, object]:
    """Parses NAME=VALUE of `--set`: the name and the value, a Python literal or else a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def load_system(args, **defaults):
    """The system of `add_model_arguments`; its options go before the defaults.

    Raises:
        InputError: an argument belongs to another system, or the pose NMS cannot be read.
        WeightsError: a model or an SPPE cannot be had.
    """
    given = {"image_size": args.size, "score": args.score, "sppe": args.sppe}
    of_rmpe = (args.sppe, args.pose_nms, args.box_overlap)
    if args.system != "rmpe" and any(value is not None for value in of_rmpe):
        raise InputError("--sppe, --pose-nms, --box-overlap: belong to RMPE; add --system rmpe")
    options = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    if args.system == "multiposenet":
        with without_start_up_notes():
            from multiposenet.systems import estimator

            return estimator.load(args.model, runtime=args.runtime, **options)

    if args.runtime not in ("auto", "keras"):
        raise InputError(f"--runtime: {args.runtime} does not run RMPE; leave it out")
    import_keras()
    from multiposenet.maths.suppression import PoseNMSParameters
    from multiposenet.systems.rmpe import load_rmpe

    if args.pose_nms:
        none = args.pose_nms == "none"
        options["pose_nms"] = None if none else PoseNMSParameters.load(args.pose_nms)
    if args.box_overlap is not None:
        options["box_overlap"] = args.box_overlap
    return load_rmpe(detector=args.model, **options)


def import_keras() -> None:
    """Imports Keras without its backend's start-up notes, which would bury the error lines."""
    with without_start_up_notes():
        import keras  # noqa: F401


@contextmanager
def without_start_up_notes():
    """For whatever imports Keras.

    TensorFlow writes some notes before it reads its log level, so stderr itself is held back. A
    log level set by the user (`TF_CPP_MIN_LOG_LEVEL`) is left as it is and shows everything.
    """
    if "keras" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with _stderr_held_back():
        yield


@contextmanager
def _stderr_held_back():
    """Drops what is written to the file descriptor of stderr, unless something unexpected is
    raised."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except MultiPoseNetError:
            raise  # says in one line all there is to say
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def report(problem: Exception | str) -> None:
    """One line on stderr."""
    text = " ".join(str(problem).split())
    print(f"multiposenet: {text}", file=sys.stderr, flush=True)


def writable_folder(path: str | Path) -> Path:
    """Makes a folder for results and proves that files can be made in it.

    Raises:
        InputError: it cannot be made or written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(
            f"{path}: output folder: {error.strerror}; choose another folder"
        ) from error
    return path


def writable_json(target: str | None, option: str = "--json") -> None:
    """Checks the argument of `--json`, or of an option like it, before the work starts.

    Raises:
        InputError: no such file can be made.
    """
    if target not in (None, "-"):
        path = Path(target)
        if path.is_dir():
            raise InputError(f"{target}: {option}: is a folder; name a file in it")
        if path.exists() and not path.is_file():  # a device or a pipe, in whatever folder
            return
        writable_folder(Path(os.path.realpath(path)).parent)


def write_json(target: str | Path, result) -> None:
    """Writes JSON to a file, which appears whole or not at all, or to stdout if `target` is "-".

    The elements of a list stand on a line each.
    """
    options = {"ensure_ascii": False, "allow_nan": False}
    if isinstance(result, list):
        text = "[" + ",\n ".join(json.dumps(element, **options) for element in result) + "]\n"
    else:
        text = json.dumps(result, indent=1, **options) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    with atomic_write(target) as partial:
        partial.write_text(text, encoding="utf-8")


def progress(items: Iterable, total: int, what: str) -> Iterator:
    """The items, with a progress bar on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True))


def print_table(headers: list[str], rows: list[list[str]]) -> None:
    """A table on stdout; the first column is left-aligned, the others right-aligned.

    It is cut to a terminal, but whole in a file or pipe.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column, header in enumerate(headers):
        table.add_column(header, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, markup=False, width=width).print(table)


def _side(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 32 <= value <= 8192:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels from 32 to 8192")
    return value


def _score(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def size(text: str) -> tuple[int, int]:
    """Parses HxW: height and width in pixels, multiples of 32."""
    height, cross, width = text.partition("x")
    sides = tuple(int(side) if side.isdecimal() else 0 for side in (height, width))
    if not cross or any(side % 32 or not side for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH in multiples of 32")
    return sides
