"""A model as a file for another runtime: finished poses inside the graph, checked on photos."""

import contextlib
import dataclasses
import logging
import os
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np

from multiposenet import signals
from multiposenet.errors import InputError, WeightsError
from multiposenet.files.scratch_folders import prefix_beside, scratch_folder
from multiposenet.runtimes import exported, onnx_graph, openvino_graph, quantization

TOLERANCE = 0.05  # pixels of the network's input


@dataclasses.dataclass(frozen=True)
class Parity:
    """How an exported file differs from Keras.

    Attributes:
        photos: compared.
        poses: with at least the score.
        pixels: largest distance of a keypoint of these, in x or y; infinite if one is missing.
        score: largest difference of their pose scores.
        heatmap: largest difference of the heatmaps, in 0...1.
    """

    photos: int
    poses: int
    pixels: float
    score: float
    heatmap: float


def export(
    model, path, format, batches, *, options, size=None, tolerance=TOLERANCE, calibration=None
) -> Parity | quantization.Agreement:
    """Writes a model for a runtime, if it finds there what it finds in Keras.

    The file appears under its name only when it has passed. It takes batches of any length and,
    unless the model's size is fixed, images of any size. Beside it comes a JSON file; see
    `exported`. What stands in their place is replaced only if it is what an export has left.

    Args:
        model: a `MultiPoseNet`.
        path: of the file to write; its name ends as `exported.FORMATS` has it.
        format: of `exported.FORMATS`.
        batches: for the comparison, arrays (B, H, W, 3) as the network takes them; some may be
            longer than 1.
        options: the `InferenceOptions` that the model is meant to be used with, by name. Poses of
            at least their `score` are compared.
        size: (H, W) of the only images that the file takes. LiteRT needs one: of images of any
            size it leaves convolutions to TensorFlow.
        tolerance: largest difference of a keypoint, in pixels.
        calibration: for a file that computes in 8 bits, images (1, H, W, 3) as the network takes
            them, other ones than the batches; OpenVINO only. Limits of its own
            (`quantization.Agreement`) take the tolerance's place.

    Returns:
        The `Parity` found, or the `Agreement` in 8 bits.

    Raises:
        InputError: the backend or an installed package cannot export this, the name does not fit,
            something else has the name, or the file differs from Keras more than it may; no file is
            left then.
    """
    path = Path(path)
    size = size or model.image_size
    _check(path, format, size)
    if calibration is not None:
        _check_int8(path, format)
    with scratch_folder(path.parent, prefix_beside(path)) as folder:
        written = folder / path.name
        write(model, written, format, size)
        if calibration is not None:
            quantization.quantize(written, calibration)
        judge = compare if calibration is None else quantization.compare
        parity = judge(model, exported.open_function(written, format), batches, options["score"])
        problem = _problem(parity, tolerance) if calibration is None else parity.problem()
        if problem:
            raise InputError(f"{path}: {problem}; not written")
        about = {
            "format": format,
            "skeleton": dataclasses.asdict(model.skeleton),
            "image_size": size,
            "options": options,
            "calibration": None if calibration is None else len(calibration),
            "parity": {k: v for k, v in dataclasses.asdict(parity).items() if np.isfinite(v)},
        }
        exported.write_sidecar(written, about)
        _move(written, path)
    return parity


def _problem(parity, tolerance):
    if parity.pixels <= tolerance:
        return None
    return (
        f"keypoints: differ from Keras by up to {parity.pixels:.3g} px on {parity.photos} photos, "
        f"more than {tolerance:g}"
    )


def _check_int8(path, format):
    if format != "openvino":
        raise InputError(f"{path}: int8: only OpenVINO files have it, not {format}; leave it out")
    quantization.require(path)


def _check(path, format, size):
    if format == "litert" and not size:
        raise InputError(f"{path}: size: LiteRT needs one; give the size of all images")
    ending = exported.FORMATS[format]
    if path.suffix != ending and (ending or path.suffix in exported.FORMATS.values()):
        raise InputError(f"{path}: name: a file of format {format} ends in {ending or 'nothing'!r}")
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"{path}: backend: {keras.backend.backend()} cannot export images of any size; "
            "set KERAS_BACKEND=tensorflow"
        )
    check_replaceable(path)


def write(model, path, format, size=None):
    """Writes a `keras.Model` of images as Keras exports it, and mends what is known to be slow.

    Nothing is compared and nothing else is written; `export` is what users want.
    """
    shape = (None, *(size or (None, None)), 3)
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="images")]
    kind = "tf_saved_model" if format == "saved_model" else format
    converting = {"openvino": openvino_graph.convertible, "onnx": onnx_graph.quickly}
    prepared = converting.get(format, contextlib.nullcontext)()
    try:
        with signals.insisted_on(), _quiet(), prepared, arranged(model, format):
            model.export(str(path), format=kind, verbose=False, input_signature=signature)
            if format == "openvino":
                openvino_graph.mend(path)
    except ImportError as error:
        raise InputError(f"{path.name}: format: {error}; install multiposenet[{format}]") from error
    except Exception as error:  # converters have their own kinds
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise InputError(
            f"{path.name}: format: cannot be exported ({reason}); use another format, or the "
            "runtime keras"
        ) from error


def arranged(model, format):
    """Context in which the graph of a `MultiPoseNet` is the one that a format computes fastest."""
    # Transposed convolutions are slow in ONNX Runtime. Other models are taken as they are.
    if format == "onnx" or not hasattr(model, "levels_apart"):
        return contextlib.nullcontext()
    return model.levels_apart()


@contextlib.contextmanager
def _quiet():
    """Without the notes of the converters."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def check_replaceable(path):
    """Nothing is replaced that `export` has not written itself.

    Raises:
        InputError: something else stands at one of the places of an export.
    """
    there = [place for place in exported.places(path) if os.path.lexists(place)]
    if not there:
        return
    try:
        own = not any(place.is_symlink() for place in there)
        own = own and exported.intact(path, exported.read_sidecar(path)["files"])
    except (WeightsError, OSError):
        own = False
    if not own:
        raise InputError(
            f"{there[0]}: file: exists and is not what an export left; choose another name, or "
            "remove it"
        )


def _move(written, path):
    """Puts all files of an export in their place, the one that is opened last."""
    check_replaceable(path)  # the export took a while
    if path.is_dir():
        shutil.rmtree(path)
    files = sorted(written.parent.iterdir(), key=lambda file: file == written)
    for file in files:
        os.replace(file, path.with_name(file.name))


def _of_people(outputs) -> dict:
    """A model's outputs; those of a keypoint model as of one person in each image."""
    if "pose_scores" in outputs:
        return outputs
    return {
        "keypoints": outputs["keypoints"][:, None],
        "pose_scores": outputs["keypoint_scores"].mean(axis=-1)[:, None],
        "heatmaps": np.zeros(1),
    }


def compare(model, function, batches, score) -> Parity:
    """Compares an exported function with its model.

    Poses may come in another order, so each pose of Keras is compared with the closest one.

    Args:
        model: the Keras model.
        function: from a batch to a dict of arrays.
        batches: arrays (B, H, W, 3).
        score: poses of at least this score are compared.
    """
    photos = poses = 0
    pixels = scores = heatmap = 0.0
    for batch in batches:
        ours = {k: keras.ops.convert_to_numpy(v) for k, v in model(batch, training=False).items()}
        ours, theirs = _of_people(ours), _of_people(function(batch))
        photos += len(batch)
        heatmap = max(heatmap, float(np.abs(ours["heatmaps"] - theirs["heatmaps"]).max()))
        for row in range(len(batch)):
            wanted = ours["pose_scores"][row] >= score
            offered = theirs["pose_scores"][row] > 0
            distance = np.abs(
                ours["keypoints"][row][wanted][:, None] - theirs["keypoints"][row][offered]
            ).max(axis=(2, 3), initial=0)
            poses += int(wanted.sum())
            if not wanted.any():
                continue
            if not offered.any():
                return Parity(photos, poses, np.inf, np.inf, heatmap)
            best = distance.argmin(axis=1)
            pixels = max(pixels, float(distance.min(axis=1).max()))
            difference = (
                theirs["pose_scores"][row][offered][best] - ours["pose_scores"][row][wanted]
            )
            scores = max(scores, float(np.abs(difference).max()))
    return Parity(photos, poses, pixels, scores, heatmap)
