"""Models by name: those of the zoo, and architectures without weights."""

import math

from multiposenet import zoo
from multiposenet.errors import WeightsError

ARCHITECTURES = {
    "multiposenet-nano": "movenet_multipose",
    "multiposenet-lite0": "efficientnet_lite0",
    "multiposenet-scratch": "nano",
    "multiposenet-r50": "resnet50",
    "multiposenet-r101": "resnet101",
    "multiposenet-r101-dilated": "resnet101_dilated",
}
"""Name -> backbone. A model of the zoo of the same name goes before."""


def has_weights(name: str) -> bool:
    """Whether a name is not that of an architecture alone."""
    return name not in ARCHITECTURES or name in zoo.names()


def untrained(name: str, **options):
    """An `Estimator` of an architecture with random weights.

    It takes everything for a person, so that all its rows are in use whatever an image shows.

    Args:
        name: of `ARCHITECTURES`.
        **options: those of `Estimator`.
    """
    from multiposenet.systems.estimator import Estimator
    from multiposenet.systems.multiposenet import MultiPoseNet

    model = MultiPoseNet(ARCHITECTURES[name])
    bias = model.person_subnet.get_layer("logits").bias
    bias.assign(bias * 0)  # everything is a person with probability 0.5
    return Estimator(model, **options)


def parameters(name: str) -> list[dict]:
    """Counts the parameters of a model.

    Args:
        name: a model of the zoo or one of `ARCHITECTURES`.

    Returns:
        `block`, `parameters` and `trainable` of each block, in the order of the data's flow.

    Raises:
        WeightsError: unknown name.
    """
    from multiposenet.systems.multiposenet import MultiPoseNet

    return [
        {
            "block": block,
            "parameters": _size(part.weights),
            "trainable": _size(part.trainable_weights),
        }
        for block, part in MultiPoseNet.from_config(_arguments(name)).blocks.items()
    ]


def _arguments(name: str) -> dict:
    """Those of `MultiPoseNet`."""
    if name in zoo.names():
        return zoo.entry(name)["architecture"]
    if name in ARCHITECTURES:
        return {"backbone": ARCHITECTURES[name]}
    known = ", ".join(sorted({*zoo.names(), *ARCHITECTURES}))
    raise WeightsError(f"{name}: model: unknown name; use one of: {known}")


def _size(weights) -> int:
    # Dropout keeps the state of its random generator as a weight; that is no parameter.
    return sum(math.prod(w.shape) for w in weights if "seed_generator" not in w.path)
