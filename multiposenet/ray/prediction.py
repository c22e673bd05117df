"""`predict` on a data set of Ray, and the tables of what it found."""

import functools
from collections.abc import Callable, Iterator

from multiposenet import result_tables, sources
from multiposenet.errors import InputError
from multiposenet.ray import resources
from multiposenet.sources import table

_HOLDING = (table.BYTES, table.IMAGE, table.PATH)
BATCH = 32  # photos


def predict(
    dataset,
    model="multiposenet-nano",
    *,
    runtime: str | None = "auto",
    actors: int | None = None,
    cpus: float | None = None,
    gpus: float = 0,
    batch_size: int = BATCH,
    **options,
):
    """Finds the people in all photos of a data set, lazily, on the machines of Ray's cluster.

    An actor has one system, whose computations use as many threads as it has CPUs. One CPU of the
    cluster is kept for reading and writing. What a worker that dies has not finished is done again
    by another; a photo that cannot be used costs itself alone, also one that ends each worker that
    looks at it, which is given up after three of them.

    Args:
        dataset: `ray.data.Dataset` with a column `bytes` (encoded photos), `image` (arrays
            (H, W, 3) uint8, or structs with `bytes`), or `path` (files that all machines see, and
            addresses, also `s3://` and the like); of several, the first of these. `image_id` and
            `file_name`, else `path`, name the photos in the results.
        model: as of `multiposenet.load`, or a system that is loaded already.
        runtime: as of `multiposenet.load`; of no importance to a loaded system.
        actors: how many; as many as fit by default.
        cpus: of each; 2 by default, where there are as many.
        gpus: of each.
        batch_size: photos that an actor gets at once.
        **options: as of `multiposenet.load`.

    Returns:
        `ray.data.Dataset` with a row for each photo: `image_id`, `file_name`, `people` (COCO
        results as of `Poses.to_coco`), `error` (null, or why the photo could not be used) and
        `note`. `people` and `errors` make tables of it; `materialize()` it first if both are
        wanted, or it is computed twice.

    Raises:
        InputError: Ray is not installed, the actors do not fit into the cluster, or the data set
            has no such column.
    """
    require()
    schema = dataset.schema(fetch_if_missing=False)
    if schema is not None and not set(_HOLDING) & set(schema.names):
        raise InputError(
            f"dataset: columns: {', '.join(schema.names)[:200]}; one of {', '.join(_HOLDING)} is "
            "wanted"
        )
    load = functools.partial(_load, model, runtime, options)
    share = share_of(kept=1, actors=actors, cpus=cpus, gpus=gpus)
    return mapped(dataset, load, frames_of, share, batch_size=batch_size, gpus=gpus)


def people(found):
    """The people of a data set that `predict` returned: a row for each, as in `poses.json`."""
    return found.map_batches(_people, batch_format="pyarrow")


def errors(found):
    """The photos that could not be used: `image_id`, `file_name` and `error` of each."""
    return found.map_batches(_errors, batch_format="pyarrow")


def share_of(
    kept: int = 0, actors: int | None = None, cpus: float | None = None, gpus: float = 0
) -> resources.Share:
    """What of the cluster the actors get, which is started on this machine if there is none.

    Args:
        kept: CPUs that others need.
        actors, cpus, gpus: as of `predict`.

    Raises:
        InputError: the actors do not fit into the cluster.
    """
    ray = require()
    if not ray.is_initialized():
        ray.init()
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    share = resources.share([node.get("CPU", 0) for node in alive], kept, actors, cpus)
    there = sum(node.get("GPU", 0) for node in alive)
    if gpus * share.actors > there:
        raise InputError(
            f"ray: gpus: {share.actors} actors with {gpus:g} each do not fit into the cluster's "
            f"{there:g}; take fewer"
        )
    return share


def mapped(
    dataset,
    load: Callable,
    frames: Callable,
    share: resources.Share,
    *,
    batch_size: int | None,
    gpus: float = 0,
):
    """`predict` with whatever loads the system and reads a batch.

    Args:
        dataset: whose rows `frames` understands.
        load, frames: as of `Finder`; they can be pickled.
        share: of the cluster.
        batch_size, gpus: as of `predict`; None: an actor gets a whole block at once. Ray puts
            blocks of fewer rows than a batch together, and hands all over at the end of the last.
    """
    from multiposenet.ray.finder import Finder
    from multiposenet.ray.suspects import Shared

    ray = require()
    return dataset.map_batches(
        Finder,
        fn_constructor_args=(load, frames, share.threads, Shared(ray)),
        batch_size=batch_size,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=share.actors),
        num_cpus=share.cpus,
        num_gpus=gpus or None,
        udf_modifying_row_count=False,
    )


def require():
    """The module `ray`, with `ray.data`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import ray
        import ray.data  # noqa: F401
    except ImportError as error:
        raise InputError(f"ray: {error}; install it by pip install 'multiposenet[ray]'") from error
    return ray


def frames_of(rows: list[dict]) -> Iterator:
    """The `Frame` of each row of a data set, or in its place its `InputError`."""
    for row in rows:
        try:
            yield _frame(row)
        except InputError as error:
            yield error


def _frame(row: dict):
    name = str(row.get("file_name", row.get(table.PATH, "photo")))
    for column in _HOLDING:
        content = row.get(column)
        if content is None:
            continue
        if column == table.PATH:
            return sources.read_frame(table.placed(str(content)), name)
        if isinstance(content, dict):
            content = content.get(table.BYTES)
        return sources.read_frame(content, name)
    raise InputError(f"{name}: {', '.join(_HOLDING)}: none is there; leave the row out")


def _load(model, runtime, options):
    from multiposenet.systems import estimator
    from multiposenet.systems.system import System

    return model if isinstance(model, System) else estimator.load(model, runtime=runtime, **options)


def _people(batch):
    import pyarrow

    rows = [row for people in batch.column("people").to_pylist() for row in people]
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(list(result_tables.person_type())))


def _errors(batch):
    schema = [field.name for field in result_tables.error_type()]
    return batch.filter(batch.column("error").is_valid()).select(schema)
