"""Exported files made once and kept: the same weights need not be converted again.

They lie in the folder `exported` of `zoo.cache_dir()`. A file's name holds a hash of the weights,
the arguments and the code that make its graph, so that no other file is ever taken for it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from multiposenet import zoo
from multiposenet.errors import InputError
from multiposenet.runtimes import exported

# Packages whose code makes the graph of a model.
_CODE = ("maths", "networks", "runtimes", "systems")


def cached(weights: Path, arguments: dict, runtime: str, make) -> Path:
    """The exported file of a model; made now if there is none.

    Args:
        weights: the file of its weights.
        arguments: what else the model depends on, as JSON has it.
        runtime: of `exported.RUNTIMES`, not "keras".
        make: function of no arguments that returns the model's `Estimator` in Keras.

    Raises:
        InputError: the folder cannot be written, or the export differs from Keras.
    """
    kind = runtime.partition("-")[0]
    folder = zoo.cache_dir() / "exported"
    stem = weights.name.removesuffix(".h5").removesuffix(".weights").removesuffix(".keras")
    path = folder / f"{stem}-{_key(weights, arguments)}{exported.FORMATS[kind]}"
    if path.exists() and exported.sidecar(path).exists():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cache: {error.strerror}; name another folder with MULTIPOSENET_CACHE, or "
            "use the runtime keras"
        ) from error
    from multiposenet import sources
    from multiposenet.runtimes import export

    pose = make()
    photo = sources.read_image(sources.sample_photo())
    photos = sources.frames([photo, photo[:, ::-1]])
    pair = np.concatenate(list(pose.canvases(list(photos))))
    export.export(pose.model, path, kind, [pair, pair[:1]], options=pose.options)
    return path


def _key(weights: Path, arguments: dict) -> str:
    digest = hashlib.sha256(zoo.sha256_of(weights).encode())
    digest.update(json.dumps(arguments, sort_keys=True).encode())
    root = Path(__file__).parent.parent
    for name in _CODE:
        for file in sorted((root / name).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
