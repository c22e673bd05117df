"""Files that appear whole or not at all."""

import json
import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path):
    """A temporary path beside ``path`` that takes its place if the block ends without an error.

    The file's content is on the disk before its name is, so that a crash of the machine cannot
    leave an empty file under the name either.

    Args:
        path: of the finished file; its suffixes are those of the temporary one, too.

    Yields:
        The temporary path.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def save(model, path):
    """Writes a model's weights (``.weights.h5``) so that a reader never sees half a file."""
    with whole(path) as partial:
        model.save_weights(partial, overwrite=True)


def write_json(path, data):
    """Writes JSON so that a reader never sees half a file."""
    with whole(path) as partial:
        partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
