"""Exported files made once and kept: the same weights need not be converted again.

They lie in the folder `exported` of `zoo.cache_dir()`. A file's name holds a hash of the weights,
the arguments and the code that make its graph, so that no other file is ever taken for it. Of
several processes one makes it, and the others wait.
"""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np

from multiposenet import zoo
from multiposenet.errors import InputError, MultiPoseNetWarning, WeightsError
from multiposenet.files import checksums, file_lock, scratch_folders
from multiposenet.runtimes import exported

# Packages whose code makes the graph of a model.
_CODE = ("maths", "networks", "runtimes", "systems")


def opened(weights: Path, arguments: dict, wanted: str | None, make):
    """The exported model of a runtime; None if Keras is to be used.

    Args:
        weights, arguments, make: as of `cached`.
        wanted: of `exported.RUNTIMES`, None for Keras, or "auto" for the fastest that is installed:
            then a file that cannot be made or kept is a warning, and Keras is used.

    Raises:
        InputError: the runtime is not installed, or its file cannot be made or kept.
    """
    runtime = exported.choose(wanted or "keras")
    if runtime == "keras":
        return None
    at_fault = False

    def model():
        nonlocal at_fault
        at_fault = True
        made = make()
        at_fault = False
        return made

    try:
        return exported.load(cached(weights, arguments, runtime, model), runtime)
    except Exception as error:  # converters have their own kinds
        if wanted != "auto" or at_fault:  # Keras cannot make the model either
            raise
        warnings.warn(
            f"{runtime} cannot be used, Keras is instead: {' '.join(str(error).split())}",
            MultiPoseNetWarning,
            stacklevel=3,
        )
        return None


def cached(weights: Path, arguments: dict, runtime: str, make) -> Path:
    """The exported file of a model; made now if there is none.

    Args:
        weights: the file of its weights.
        arguments: what else the model depends on, as JSON has it.
        runtime: of `exported.RUNTIMES`, not "keras".
        make: function of no arguments that returns the model's `Estimator` in Keras.

    Raises:
        InputError: the folder cannot be written, or the export fails or differs from Keras.
    """
    kind = runtime.partition("-")[0]
    folder = zoo.cache_dir() / "exported"
    stem = weights.name.removesuffix(".h5").removesuffix(".weights").removesuffix(".keras")
    path = folder / f"{stem}-{_key(weights, arguments)}{exported.FORMATS[kind]}"
    if _is_there(path):
        # Of a process that was killed when the file was whole; nobody makes it again.
        scratch_folders.remove_abandoned(folder, scratch_folders.prefix_beside(path))
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file_lock.held(path.with_name(f"{path.name}.lock"), wait=True):
            if not _is_there(path):  # nor has another process made it in the meantime
                for place in exported.places(path):  # one is damaged or missing
                    place.unlink(missing_ok=True)
                _make(path, kind, make())
    except OSError as error:
        raise InputError(
            f"{folder}: cache: {error.strerror or error}; make it writable, make room, name "
            "another folder with MULTIPOSENET_CACHE, or use the runtime keras"
        ) from error
    return path


def _is_there(path: Path) -> bool:
    """Whether an export lies there, whole and not damaged."""
    try:
        return exported.intact(path, exported.read_sidecar(path)["files"])
    except WeightsError:
        return False


def _make(path: Path, kind: str, pose) -> None:
    from multiposenet import sources
    from multiposenet.runtimes import export

    photo = sources.read_image(sources.sample_photo())
    photos = sources.frames([photo, photo[:, ::-1]])
    pair = np.concatenate(list(pose.canvases(list(photos))))
    export.export(pose.model, path, kind, [pair, pair[:1]], options=pose.options)


def _key(weights: Path, arguments: dict) -> str:
    digest = hashlib.sha256(checksums.sha256_of(weights).encode())
    digest.update(json.dumps(arguments, sort_keys=True).encode())
    root = Path(__file__).parent.parent
    for name in _CODE:
        for file in sorted((root / name).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
