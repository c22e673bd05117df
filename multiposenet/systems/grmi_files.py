"""Trained networks of G-RMI, from the zoo and from run folders."""

import os
from dataclasses import dataclass
from pathlib import Path

from multiposenet import skeleton as skeletons
from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.networks.grmi import GRMIArchitecture, inference_model
from multiposenet.networks.public_weights.weight_files import load_fitting
from multiposenet.runtimes import forks
from multiposenet.skeleton import Skeleton
from multiposenet.systems import architecture_files

DEFAULT = "grmi-nano"
"""The network that is taken if none is named."""

_TRAIN = "train one (`multiposenet train grmi`)"


@dataclass(frozen=True)
class Found:
    """A network that can be loaded.

    Attributes:
        path: of its weights.
        description: what makes it, as JSON has it.
        skeleton: its keypoints.
        architecture: its sizes.
        options: of ``GRMI``, that it brings.
    """

    path: Path
    description: dict
    skeleton: Skeleton
    architecture: GRMIArchitecture
    options: dict

    @property
    def codec(self):
        """The ``DiskOffsets`` of its maps."""
        return self.architecture.codec

    def network(self):
        """The network with its weights, see ``networks.grmi.inference_model``.

        Raises:
            WeightsError: the file is damaged or of another network.
        """
        forks.check(forks.KERAS)
        network = inference_model(self.architecture.network(self.skeleton.num_keypoints))
        load_fitting(network, self.path, _TRAIN)
        return network


def find(name: str | os.PathLike = DEFAULT) -> Found:
    """Finds a trained network.

    Args:
        name: a name of the zoo (``zoo.names("grmi")``) or the folder of a run of the stage grmi.

    Raises:
        WeightsError: the name is unknown, or a file is missing or damaged.
    """
    if zoo.is_name(name, "grmi"):
        entry = zoo.entry(name, "grmi")
        path, options = zoo.resolve(name, "grmi"), entry.get("options", {})
        return Found(path, entry["architecture"], *_sizes(entry["architecture"], name), options)
    if not Path(name).is_dir():
        known = ", ".join(zoo.names("grmi")) or "none yet"
        raise WeightsError(
            f"{name}: grmi: no folder and no released network, of which there are: {known}; "
            f"{_TRAIN} and name its run folder (--grmi RUN)"
        )
    description, path = Path(name) / "grmi.json", Path(name) / "grmi.weights.h5"
    remedy = f"name another run, or {_TRAIN}"
    fields = architecture_files.read(description, remedy)
    if not path.is_file():
        raise WeightsError(f"{path}: file: missing; {remedy}")
    return Found(path, fields, *_sizes(fields, name), {})


def _sizes(description, source):
    """The skeleton and the architecture of a description."""
    try:
        skeleton = description["skeleton"]
        known = isinstance(skeleton, str)
        return (
            skeletons.get(skeleton) if known else Skeleton(**skeleton),
            GRMIArchitecture(**description["architecture"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{source}: architecture: not of G-RMI's network; restore it or name another"
        ) from error
