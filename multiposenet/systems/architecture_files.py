"""The JSON file beside weights that says what they are of: `{"architecture": {...}}`.

A detector's has a field `untrained`, too, with the names of the parts that are not trained.
"""

import warnings
from pathlib import Path

from multiposenet import skeleton as skeletons
from multiposenet.errors import MultiPoseNetWarning, WeightsError
from multiposenet.files import bounded_files, checksums, writing

_MAX_BYTES = 1 << 22


def beside(weights: Path) -> Path:
    """The JSON file of a weights file: `NAME.json` of `NAME.weights.h5`."""
    return weights.with_name(weights.name.removesuffix(".h5").removesuffix(".weights") + ".json")


def of_run(path: Path) -> Path:
    """The model's file where a path is that of a training's folder; else the path.

    Raises:
        WeightsError: not all stages of the training are finished.
    """
    if not (path.is_dir() and (path / "model.json").is_file()):
        return path
    if not (path / "model.weights.h5").is_file():
        if parts := untrained(path / "model.json"):
            raise WeightsError(
                f"{path}: model.weights.h5: missing, as not trained are {', '.join(parts)}; go on "
                f"with `multiposenet train all --start {path} --run RUN`"
            )
        raise WeightsError(
            f"{path}: model.weights.h5: missing, not all stages of this run are finished; go on "
            f"with `multiposenet train all --resume --run {path}`"
        )
    return path / "model.weights.h5"


def write(path: Path, architecture: dict, untrained=()) -> None:
    """Writes such a file, and its checksum.

    Args:
        path: of the JSON file.
        architecture: keyword arguments of the model.
        untrained: names of the parts that are not trained.
    """
    content = {"architecture": architecture}
    if untrained:
        content["untrained"] = list(untrained)
    writing.write_json(path, content, checksum=True)


def read(path: Path, remedy: str) -> dict:
    """Reads such a file.

    Args:
        path: of the JSON file.
        remedy: what to do if it is missing or damaged, for the message.

    Returns:
        The architecture; whether its fields make sense is for whoever builds it to say.

    Raises:
        WeightsError: the file is missing, damaged, of other types, or was changed since it was
            written.
    """
    architecture = _content(path, remedy).get("architecture")
    if not isinstance(architecture, dict):
        raise WeightsError(f'{path}: architecture: missing; write {{"architecture": {{...}}}}')
    return architecture


def _content(path: Path, remedy: str) -> dict:
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; {remedy}")
    checksums.check(path)
    try:
        content = bounded_files.read_json(path, _MAX_BYTES)
    except bounded_files.Unreadable as error:
        raise WeightsError(f"{path}: file: damaged ({error.problem}); {remedy}") from error
    return content if isinstance(content, dict) else {}


def untrained(path: Path) -> tuple[str, ...]:
    """The parts of a model that are not trained, as such a file says; none if there is no file.

    Raises:
        WeightsError: the file is damaged.
    """
    if not path.exists():
        return ()
    parts = _content(path, "restore it").get("untrained", [])
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise WeightsError(f"{path}: untrained: no list of names; restore it")
    return tuple(parts)


def warn_of_untrained(weights: Path, score: float | None) -> None:
    """A `MultiPoseNetWarning` if a file of weights is a detector's, which finds no keypoints.

    Who asks for people of all pose scores, from 0 on, asks for boxes and is not warned.
    """
    if score != 0 and (parts := untrained(beside(weights))):
        warnings.warn(
            MultiPoseNetWarning(
                f"{weights}: {', '.join(parts)}: not trained, so that only its boxes are of use; "
                "take it as the model of --system rmpe or grmi, or train the rest with `train all "
                f"--start {weights.parent}`"
            ),
            stacklevel=3,
        )


def skeleton_of(architecture: dict) -> skeletons.Skeleton:
    """The keypoints of an architecture, which has the name of a known skeleton or its fields.

    Raises:
        Exception: of any kind, since the field may be anything; callers name the file.
    """
    described = architecture["skeleton"]
    if isinstance(described, str):
        return skeletons.get(described)
    return skeletons.Skeleton(**described)


def of_file(path: Path, given: dict | None = None) -> dict | None:
    """The architecture of a file of a model.

    Args:
        path: a `.weights.h5` or a `.keras` file.
        given: the architecture, if the caller knows it.

    Returns:
        The given one, or else that in the JSON file beside weights; None for a `.keras` file, which
        has its own.

    Raises:
        WeightsError: there is no such file, or nothing is known of it.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise WeightsError(f"{path}: file: {what}; give a .keras or .weights.h5 file or a name")
    if given is not None or path.name.endswith(".keras"):
        return given
    about = beside(path)
    remedy = f"give architecture={{...}} or put it into {about}"
    if not about.exists():
        raise WeightsError(f"{path}: architecture: not known; {remedy}")
    return read(about, remedy)
