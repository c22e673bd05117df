"""Exported models without Keras: ONNX Runtime, OpenVINO, LiteRT and TensorFlow's SavedModel.

An exported file `poses.onnx` has a JSON file `poses.onnx.json` beside it, which says what the file
itself cannot: the skeleton, at which image size and score the model is meant to be used, and the
sha256 of all that was written, which is compared whenever it is opened.

Opening an ONNX, OpenVINO or LiteRT file runs no code that is in it. A SavedModel is a program of
TensorFlow, which may read and write files: it is opened only where that is asked for.
"""

import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multiposenet import zoo
from multiposenet.errors import ForkError, InputError, WeightsError
from multiposenet.files import bounded_files, checksums, writing
from multiposenet.runtimes import forks, openvino_session
from multiposenet.skeleton import Skeleton

FORMATS = {"saved_model": "", "onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}
"""Format of an exported model -> how its file's name ends; a SavedModel is a folder."""
PACKAGES = {
    "saved_model": ("tensorflow",),
    "onnx": ("onnxruntime", "tf2onnx"),
    "openvino": ("openvino",),
    "litert": ("tensorflow",),
}
"""Format -> what runs it, and then what else is needed to write it."""
RUNTIMES = ("keras", "openvino", "openvino-bf16", "onnx")
"""What `Estimator` can be run on; bf16 is OpenVINO's arithmetic of 16 bits."""
AUTO = ("onnx", "openvino")
_MAX_SIDECAR = 1 << 20  # bytes
_MOST_LANES = 8  # which bounds the memory


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A function from images to finished poses, with what an `Estimator` needs to know of it.

    Threads may call it at the same time, on every runtime. It is pickled as the path of its file,
    and opened anew; so it is in a process that was forked, but for a SavedModel, which refuses.

    Attributes:
        run: from (B, H, W, 3) float32 RGB 0-255 and the names of the wanted outputs, None for all,
            to a dict of arrays as `MultiPoseNet` returns it. With more than one lane it also takes
            whether the batch is one of many.
        skeleton: the keypoints that it finds.
        image_size: (H, W) if it takes no other size, else None.
        options: the `InferenceOptions` that it was made with, by name; `image_size`, `score` and
            `enlarge` are defaults, the others, as far as they are known, part of it.
        runtime: its name.
        path: of the file, None if it comes from none.
        lanes: threads that get more done by calling it, for many batches, at the same time.
    """

    run: Callable[..., dict[str, np.ndarray]]
    skeleton: Skeleton
    image_size: tuple[int, int] | None
    options: dict
    runtime: str
    path: Path | None = None
    lanes: int = 1

    def __call__(
        self, images: np.ndarray, names: Sequence[str] | None = None, many: bool = False
    ) -> dict[str, np.ndarray]:
        return self.run(images, names, many) if self.lanes > 1 else self.run(images, names)

    def __reduce__(self):
        if self.path is None:
            raise TypeError("an ExportedModel that comes from no file cannot be pickled")
        # Whoever opens a pickle runs code anyway.
        return load, (self.path, self.runtime, self.runtime == "saved_model")


def load(
    path: str | os.PathLike, runtime: str = "auto", trust_saved_model: bool = False
) -> ExportedModel:
    """Opens an exported model on the runtime of its format.

    Args:
        path: a file that ends in `.onnx`, `.xml` or `.tflite`, or the folder of a SavedModel.
        runtime: "auto", the name of the format, or "openvino-bf16".
        trust_saved_model: whether a SavedModel may be opened, which runs code that is in it.

    Raises:
        WeightsError: the file or its JSON file cannot be read, or was changed since the export.
        InputError: the runtime is not installed, or runs no file of this format; or it is a
            SavedModel that is not trusted.
    """
    path = Path(path)
    kind = format_of(path)
    if kind == "saved_model" and not trust_saved_model:
        raise InputError(
            f"{path}: file: a SavedModel runs code when it is opened; if you trust whoever wrote "
            "it, add --trust-saved-model (trust_saved_model=True), or else take an ONNX file"
        )
    runtime = kind if runtime == "auto" else runtime
    if runtime.partition("-")[0] != kind:
        raise InputError(f"{path}: runtime: {runtime} runs no {kind} file; export it for {runtime}")
    about = read_sidecar(path)
    if not intact(path, about["files"]):
        raise WeightsError(
            f"{path}: sha256: is not that in {sidecar(path).name}: the file is damaged or was "
            "changed; export it again"
        )
    try:
        run = forks.of_each_process(lambda: open_function(path, runtime))
    except ImportError as error:
        raise InputError(f"{path}: runtime: {error}; install {PACKAGES[kind][0]}") from error
    except ForkError:
        raise
    except Exception as error:  # each runtime has its own kinds
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path}: file: cannot be loaded ({reason}); export it again, or delete it in the cache"
        ) from error
    size = about["image_size"]
    return ExportedModel(
        run,
        about["skeleton"],
        tuple(size) if size else None,
        about["options"],
        runtime,
        path,
        lanes(runtime),
    )


def format_of(path: str | os.PathLike) -> str | None:
    """The format of an exported model by its name, None if it is none or a name of the zoo."""
    if zoo.is_name(path):
        return None
    path = Path(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return "saved_model"
    endings = {ending: name for name, ending in FORMATS.items() if ending}
    return endings.get(path.suffix)


def sidecar(path: Path) -> Path:
    """The JSON file of an exported model."""
    return path.with_name(f"{path.name}.json")


def write_sidecar(path: Path, about: dict) -> None:
    """Writes the JSON file of an exported model that is complete but for it.

    Args:
        path: of the model.
        about: `skeleton` and `image_size`, `options`, and what else is known, as JSON has it.
    """
    digests = {file: checksums.sha256_of(path.parent / file) for file in sorted(_files(path))}
    writing.write_json(sidecar(path), {**about, "files": digests})


def intact(path: Path, digests: dict[str, str]) -> bool:
    """Whether an exported model is what the export left, no file more or less.

    Args:
        path: of the model.
        digests: the sha256 of each of its files, as its JSON file has them.
    """
    found = _files(path)
    return found == digests.keys() and all(
        checksums.sha256_of(path.parent / file) == digests[file] for file in found
    )


def places(path: Path) -> list[Path]:
    """Where an exported model lies: itself, its JSON file, and OpenVINO's weights."""
    weights = [path.with_suffix(".bin")] if path.suffix == FORMATS["openvino"] else []
    return [path, sidecar(path), *weights]


def _files(path: Path) -> set[str]:
    """The files of an exported model, without its JSON file, as named from their folder."""
    found = [place for place in places(path) if place != sidecar(path) and os.path.lexists(place)]
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_symlink() or not file.is_dir()]
    return {file.relative_to(path.parent).as_posix() for file in found}


def read_sidecar(path: Path) -> dict:
    """What the JSON file beside an exported model says; see the module."""
    if not path.exists():
        raise WeightsError(f"{path}: file: no such file; make it with `multiposenet export`")
    beside = sidecar(path)
    try:
        about = bounded_files.read_json(beside, _MAX_SIDECAR)
        about = {key: about[key] for key in ("skeleton", "image_size", "options", "files")}
        about["skeleton"] = Skeleton.from_dict(about["skeleton"])
        size = about["image_size"]
        good = size is None or (len(size) == 2 and all(type(s) is int and s > 0 for s in size))
        if not good or type(about["options"]) is not dict or type(about["files"]) is not dict:
            raise ValueError("fields of other types")
        return about
    except (bounded_files.Unreadable, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{beside}: file: missing or damaged; `multiposenet export` writes it with the other"
        ) from error


def choose(runtime: str) -> str:
    """The runtime to use: `runtime` itself or, for "auto", the fastest that is installed.

    The order is that of docs/runtimes.md. All give the same keypoints to 0.05 px; bfloat16, which
    does not, is never chosen. Another backend of Keras than TensorFlow is a choice already made.

    Raises:
        InputError: unknown name, or its packages are not installed.
    """
    if runtime == "auto":
        if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
            return "keras"
        return next((name for name in AUTO if _installed(name)), "keras")
    if runtime not in RUNTIMES:
        raise InputError(f"{runtime}: runtime: unknown; use auto, {', '.join(RUNTIMES)}")
    if runtime != "keras" and not _installed(runtime):
        kind = runtime.partition("-")[0]
        raise InputError(f"{runtime}: runtime: not installed; install multiposenet[{kind}]")
    return runtime


def installed() -> list[str]:
    """Those of `RUNTIMES` that can be used here and give Keras' keypoints to 0.05 px."""
    return [name for name in RUNTIMES if name == "keras" or (name in AUTO and _installed(name))]


def _installed(runtime: str) -> bool:
    packages = PACKAGES[runtime.partition("-")[0]]
    return all(importlib.util.find_spec(package) for package in packages)


def threads() -> int:
    """Processors that this process may use; runtimes otherwise start a thread for every one.

    The variable OMP_NUM_THREADS, which BLAS, OpenMP and Ray have, makes them fewer.
    """
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, int(wanted)) if wanted.isdecimal() and int(wanted) else there


def lanes(runtime: str) -> int:
    """How many threads a runtime serves at the same time with a gain.

    For many images, one thread for each costs a third less than all of them for one after the
    other (docs/speed.md). Each holds its own activations.
    """
    return min(threads(), _MOST_LANES) if runtime.partition("-")[0] in AUTO else 1


def limit_threads(count: int) -> None:
    """Lets what this process loads from now on start so many threads for a computation."""
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = str(count)


def open_function(path: Path, runtime: str) -> Callable:
    """The function `ExportedModel.run` of an exported file on a runtime."""
    open_format = {
        "saved_model": _saved_model,
        "onnx": _onnx,
        "openvino": lambda path: _openvino(path, "f32"),
        "openvino-bf16": lambda path: _openvino(path, "bf16"),
        "litert": _litert,
    }
    return open_format[runtime](path)


def _onnx(path):
    import onnxruntime

    sessions, lock, most = {}, threading.Lock(), threads()

    def session(pool):
        """With so many threads that a call shares with the others; its own is one of them."""
        with lock:
            if pool not in sessions:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = pool
                options.log_severity_level = 3
                providers = ["CPUExecutionProvider"]
                sessions[pool] = onnxruntime.InferenceSession(path, options, providers=providers)
            return sessions[pool]

    (images,), outputs = session(most).get_inputs(), session(most).get_outputs()
    outputs = [output.name for output in outputs]

    def run(batch, names=None, many=False):
        names = outputs if names is None else names
        pool = most - lanes("onnx") + 1 if many else most
        return dict(zip(names, session(pool).run(names, {images.name: batch}), strict=True))

    return run


def _openvino(path, precision):
    return openvino_session.opened(path, precision, threads(), lanes("openvino"))


def _litert(path):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # TensorFlow still has it, too
        import tensorflow

        Interpreter = tensorflow.lite.Interpreter

    runner = Interpreter(str(path), num_threads=threads()).get_signature_runner()
    lock = threading.Lock()  # an interpreter has one set of tensors

    def run(batch, names=None):
        with lock:
            return _some(runner(images=batch), names)

    return run


def _saved_model(path):
    forks.check(forks.KERAS)
    import tensorflow

    model = tensorflow.saved_model.load(str(path))

    def run(batch, names=None):
        return {k: v.numpy() for k, v in _some(model.serve(batch), names).items()}

    run.model = model  # the function alone would let go of the variables
    return run


def _some(outputs, names):
    return outputs if names is None else {name: outputs[name] for name in names}
