"""MultiPoseNets in Keras from their files, with an error of one line for whatever may be wrong."""

import re
from pathlib import Path

import keras

from multiposenet.errors import ForkError, InputError, WeightsError
from multiposenet.files import checksums
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.skeleton import Skeleton
from multiposenet.systems.multiposenet import MultiPoseNet

# The last two are of older files, see `options.current`.
_DESCRIBED = ("backbone", "skeleton", "image_size", "architecture", "options", "name")
_DESCRIBED += ("max_people", "max_peaks")


def load(path: Path, architecture: dict, name: str):
    """Loads a model from a `.keras` or `.weights.h5` file.

    Args:
        path: of the file.
        architecture: for a `.weights.h5` file, the keyword arguments of `MultiPoseNet` it was
            made with.
        name: of the model, for messages.

    Raises:
        WeightsError: the file is damaged or of another model.
    """
    if path.name.endswith(".keras"):
        return _by_keras(path)
    return _weights_file(path, architecture, name)


def from_hub(name: str, runtime: str | None = None):
    """Loads a model from the Hugging Face Hub, by Keras' own support.

    No code of the repository is run.

    Args:
        name: `hf://OWNER/NAME`, which `model.save("hf://OWNER/NAME")` has filled.
        runtime: None, "auto" or "keras".

    Raises:
        InputError: the name is none, the runtime is another, or `huggingface_hub` is not installed.
        WeightsError: there is no such repository, or it holds no model of this package.
    """
    if not re.fullmatch(r"hf://[\w.-]+/[\w.-]+", name):
        raise InputError(f"{name:.100}: model: names no repository; write hf://OWNER/NAME")
    if runtime not in (None, "auto", "keras"):
        raise InputError(
            f"{name}: runtime: models of the hub run in Keras, not {runtime}; export it first"
        )
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"{name}: model: huggingface_hub is not installed; pip install 'multiposenet[hub]'"
        ) from error
    return _by_keras(name)


def _by_keras(place: Path | str):
    """A model that Keras has saved as a whole."""
    try:
        if isinstance(place, Path):
            checksums.check(place)
        model = keras.saving.load_model(place, compile=False, safe_mode=True)
    except (WeightsError, ForkError):
        raise
    except Exception as error:  # whatever network, zip, JSON, HDF5 or a layer objects to
        remedy = "save the model again" if isinstance(place, Path) else "check name and network"
        raise WeightsError(
            f"{place}: file: cannot be loaded ({_reason(error)}); {remedy}"
        ) from error
    if not isinstance(getattr(model, "skeleton", None), Skeleton):
        raise WeightsError(f"{place}: model: has no skeleton; give one saved from a MultiPoseNet")
    return model


def _weights_file(path: Path, architecture, name: str):
    if not path.name.endswith(".weights.h5"):
        raise WeightsError(f"{name}: file: of no known kind; give a .keras or .weights.h5 file")
    _check_description(architecture, name)
    try:
        model = MultiPoseNet.from_config(architecture)
    except (WeightsError, ForkError):
        raise
    except Exception as error:  # ours for what is known, and whatever layers object to
        raise WeightsError(
            f"{name}: architecture: {_reason(error)}; give the arguments the model was made with"
        ) from error
    try:
        load_completely(model, path)
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(
            f"{name}: file: cannot be read ({_reason(error)}); get the file again"
        ) from error
    except Exception as error:  # depends on the layer that does not fit
        raise WeightsError(
            f"{name}: weights: do not fit the architecture ({_reason(error)}); "
            "give the arguments the model was made with"
        ) from error
    return model


def _check_description(arguments, name: str):
    """A file says which network its weights are of, and nothing that would fetch others."""
    if not isinstance(arguments, dict):
        raise WeightsError(
            f"{name}: architecture: no fields but {arguments!r:.60}; give the arguments the model "
            "was made with"
        )
    if strange := [field for field in arguments if field not in _DESCRIBED]:
        raise WeightsError(
            f"{name}: architecture: {strange[0]!r:.60} is no field of it; use "
            f"{', '.join(_DESCRIBED[:5])}"
        )


def _reason(error: Exception) -> str:
    """The first sentence of an error, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.split(". ")[0].rstrip(".")
    return text if len(text) <= 200 else text[:197] + "..."
