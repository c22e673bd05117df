"""Poses, boxes and masks of all people in an image, by one network.

    >>> import multiposenet
    >>> pose = multiposenet.load("multiposenet-nano")
    >>> people = pose("group.jpg")
    >>> people.draw("group-poses.png")

Importing this package loads neither Keras nor OpenCV: each public name is imported on first use, so
that `multiposenet --help` and tools which only need the skeleton or the manifest start at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiposenet.estimator import Estimator, load
    from multiposenet.poses import Poses
    from multiposenet.skeleton import Skeleton
    from multiposenet.systems.multiposenet import MultiPoseNet

__version__ = "0.1.0"

__all__ = ["Estimator", "MultiPoseNet", "Poses", "Skeleton", "__version__", "load"]

_HOME_OF = {
    "Estimator": "multiposenet.estimator",
    "MultiPoseNet": "multiposenet.systems.multiposenet",
    "Poses": "multiposenet.poses",
    "Skeleton": "multiposenet.skeleton",
    "load": "multiposenet.estimator",
}


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value  # the next access is a plain attribute
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
