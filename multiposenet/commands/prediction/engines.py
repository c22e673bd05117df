"""Where `predict` runs: threads of this process, or actors of a Ray cluster; the same results."""

import contextlib
import functools
import os
import pickle
import signal
from collections.abc import Iterator

from multiposenet import keras_start, overlapped
from multiposenet.commands import arguments, console, systems
from multiposenet.commands.prediction import photo_list
from multiposenet.errors import InputError

LOCAL, RAY = "local", "ray"
_BATCH = 128  # photos; at the end of each an actor waits for the next, a tenth of a second
_PER_ACTOR = 4  # batches at least, so that all have work to the end
_SHARED_MEMORY = 256 << 20  # bytes for what actors and driver hand over: names and results


def add_arguments(parser) -> None:
    """Adds `--engine` and what belongs to it."""
    parser.add_argument(
        "--engine",
        choices=(LOCAL, RAY),
        default=LOCAL,
        help="ray: actors of the cluster that RAY_ADDRESS names, or of this machine; it draws no "
        "pictures and takes no videos (default: %(default)s)",
    )
    for name, help in (
        ("actors", "models at work (default: as many as fit)"),
        ("cpus", "of each actor, and threads of its model (default: 2, where there are as many)"),
    ):
        parser.add_argument(
            f"--{name}", type=arguments.count, metavar="N", help=f"with --engine ray: {help}"
        )


def check(args) -> None:
    """Raises `InputError` if an argument is of the other engine."""
    if args.engine == LOCAL:
        for name in ("actors", "cpus"):
            if getattr(args, name) is not None:
                raise InputError(f"--{name}: is of actors; add --engine ray, or leave it out")
        return
    from multiposenet.ray import prediction

    prediction.require()
    if args.pictures not in (None, "none"):
        raise InputError("--pictures: actors draw none; leave it out, or take --engine local")


@contextlib.contextmanager
def local(pose, photos: list, args) -> Iterator:
    """Each photo's frame and poses, or its `InputError`, in order."""
    # While the network sees a photo, the next ones are read.
    with contextlib.closing(overlapped.ahead(photo_list.frames(photos))) as frames:
        yield console.progress(pose.stream(frames), len(photos), "predict")


@contextlib.contextmanager
def on_ray(photos: list, args) -> Iterator:
    """Each photo's rows and advice, or its `InputError`, in order, found by actors.

    Raises:
        InputError: the actors do not fit into the cluster, or Ray fails as a whole.
    """
    ray = started()
    try:
        with contextlib.closing(_found(ray, photos, args)) as found:
            yield console.progress(found, len(photos), "predict")
    except ray.exceptions.RayError as error:
        reason = " ".join(str(getattr(error, "cause", None) or error).split())
        raise InputError(f"--engine: ray: {reason:.300}; go on with --resume") from error
    finally:
        ray.shutdown()


def _found(ray, photos, args):
    from multiposenet.ray import prediction

    load = functools.partial(systems.load_system, args)
    rows = [
        {"photo": pickle.dumps(p), "image_id": p.image_id, "file_name": p.file_name} for p in photos
    ]
    share = prediction.share_of(actors=args.actors, cpus=args.cpus)
    blocks = min(len(rows), max(-(-len(rows) // _BATCH), _PER_ACTOR * share.actors))
    dataset = ray.data.from_items(rows, override_num_blocks=blocks)
    found = prediction.mapped(dataset, load, _frames, share, batch_size=None)
    place = 0
    for batch in found.iter_batches(batch_size=None, batch_format="pyarrow"):
        for row in batch.to_pylist():
            photo, place = photos[place], place + 1
            if (row["image_id"], row["file_name"]) != (photo.image_id, photo.file_name):
                raise InputError(f"{photo}: --engine: ray: another photo came; report this")
            yield InputError(row["error"]) if row["error"] else (row["people"], row["note"])
    if place < len(photos):
        raise InputError(f"--engine: ray: {len(photos) - place} photos are lost; report this")


def _frames(rows: list[dict]) -> Iterator:
    return photo_list.frames([pickle.loads(row["photo"]) for row in rows])


def started(cpus: int | None = None):
    """Starts Ray, on this machine or as part of a cluster, without its notes.

    Args:
        cpus: of this machine, all that the process may use by default.

    Raises:
        InputError: it does not start, or the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import logging

    import ray
    import ray.data

    from multiposenet.runtimes import exported

    # Ray would end this process its own way, without what is left behind in order.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    here = {"address": "local", "num_cpus": cpus or exported.threads(), "include_dashboard": False}
    here["object_store_memory"] = _SHARED_MEMORY
    address = os.environ.get("RAY_ADDRESS")
    try:
        with keras_start.stderr_held_back():
            ray.init(**quiet, **({} if address else here))
    except Exception as error:  # they have no class in common
        reason = " ".join(str(error).split())
        remedy = "see that it answers" if address else "try again when this machine has less to do"
        where = f"the cluster of RAY_ADDRESS ({address})" if address else "ray"
        raise InputError(f"--engine: {where}: {reason:.300}; {remedy}") from error
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True  # the rows are those of one process
    return ray
