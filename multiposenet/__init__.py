"""Poses, boxes and masks of all people in an image, by one network.

    >>> import multiposenet
    >>> pose = multiposenet.load("multiposenet-nano")
    >>> people = pose("group.jpg")
    >>> people.draw("group-poses.png")

Importing this package loads neither Keras nor OpenCV: each public name is imported on first use, so
that `multiposenet --help` and tools which only need the skeleton or the manifest start at once.
`keras.models.load_model` knows its models from then on, whichever is imported first.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiposenet.poses import Poses
    from multiposenet.skeleton import Skeleton
    from multiposenet.systems.assigners import load as load_assigner
    from multiposenet.systems.estimator import Estimator, load
    from multiposenet.systems.grmi import GRMI, load_grmi
    from multiposenet.systems.multiposenet import MultiPoseNet
    from multiposenet.systems.rmpe import RMPE, load_rmpe
    from multiposenet.training.runs.fit import fit

__version__ = "0.1.0"

# In a checkout, weights and training lie beside the package. A Python that was started there finds
# this folder before an installed copy, which has them inside.
_CHECKOUT = os.path.dirname(os.path.abspath(__path__[0]))
if not os.path.isdir(os.path.join(__path__[0], "weights")):
    if os.path.isfile(os.path.join(_CHECKOUT, "weights", "manifest.json")):
        __path__.append(_CHECKOUT)

__all__ = [
    "Estimator",
    "GRMI",
    "MultiPoseNet",
    "Poses",
    "RMPE",
    "Skeleton",
    "__version__",
    "fit",
    "load",
    "load_assigner",
    "load_grmi",
    "load_rmpe",
]

# Public name -> module, and the name it has there.
_HOME_OF = {
    "Estimator": ("multiposenet.systems.estimator", "Estimator"),
    "GRMI": ("multiposenet.systems.grmi", "GRMI"),
    "MultiPoseNet": ("multiposenet.systems.multiposenet", "MultiPoseNet"),
    "Poses": ("multiposenet.poses", "Poses"),
    "RMPE": ("multiposenet.systems.rmpe", "RMPE"),
    "Skeleton": ("multiposenet.skeleton", "Skeleton"),
    "fit": ("multiposenet.training.runs.fit", "fit"),
    "load": ("multiposenet.systems.estimator", "load"),
    "load_assigner": ("multiposenet.systems.assigners", "load"),
    "load_grmi": ("multiposenet.systems.grmi", "load_grmi"),
    "load_rmpe": ("multiposenet.systems.rmpe", "load_rmpe"),
}


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from multiposenet import keras_start

    module, inner = _HOME_OF[name]
    with keras_start.without_start_up_notes():
        value = getattr(import_module(module), inner)
    globals()[name] = value  # the next access is a plain attribute
    return value


def _tell_keras():
    from multiposenet import keras_objects

    keras_objects.install()


def __dir__():
    return sorted(set(globals()) | set(__all__))


_tell_keras()
