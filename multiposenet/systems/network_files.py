"""Trained networks of top-down systems: where they lie, and what is known of them unopened."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.runtimes import forks
from multiposenet.skeleton import Skeleton
from multiposenet.systems import architecture_files


@dataclass(frozen=True)
class NetworkFile(ABC):
    """A trained network that can be loaded; finding it loads no Keras.

    Attributes:
        path: of its weights.
        description: what makes it, as JSON has it.
        source: what is named if the description cannot be used.
        skeleton: its keypoints.
        options: of its system, that it brings.
    """

    path: Path
    description: dict
    source: object
    skeleton: Skeleton
    options: dict

    KIND: ClassVar[str]  # in the zoo, and the option of the command line
    WHAT: ClassVar[str]  # in messages
    OF: ClassVar[str]  # what it is of, in messages
    TRAIN: ClassVar[str]  # how to come by one
    DESCRIPTION: ClassVar[str]  # name in a run's folder
    WEIGHTS: ClassVar[tuple[str, ...]]  # names in a run's folder; the first that is there is taken

    @classmethod
    def find(cls, name: str | os.PathLike):
        """Finds a trained network.

        Args:
            name: a name of the zoo or the folder of a training run.

        Raises:
            WeightsError: the name is unknown, or a file is missing or damaged.
        """
        if zoo.is_name(name, cls.KIND):
            entry = zoo.entry(name, cls.KIND)
            fields, options = entry["architecture"], entry.get("options", {})
            return cls._found(zoo.resolve(name, cls.KIND), fields, name, dict(options))
        if not Path(name).is_dir():
            known = ", ".join(zoo.names(cls.KIND)) or "none yet"
            raise WeightsError(
                f"{name}: {cls.KIND}: no folder and no released {cls.WHAT}, of which there are: "
                f"{known}; {cls.TRAIN} and name its run folder (--{cls.KIND} RUN)"
            )
        description, remedy = Path(name) / cls.DESCRIPTION, f"name another run, or {cls.TRAIN}"
        fields = architecture_files.read(description, remedy)
        weights = [Path(name) / file for file in cls.WEIGHTS]
        path = next((path for path in weights if path.is_file()), weights[-1])
        if not path.is_file():
            raise WeightsError(f"{path}: file: missing; {remedy}")
        return cls._found(path, fields, description, {})

    @classmethod
    def _found(cls, path, description, source, options):
        try:
            skeleton = architecture_files.skeleton_of(description)
        except Exception as error:  # depends on what the field is in place of what it should be
            raise cls._foreign(source) from error
        return cls(path, description, source, skeleton, options)

    @classmethod
    def _foreign(cls, source) -> WeightsError:
        return WeightsError(f"{source}: architecture: not of {cls.OF}; restore it or name another")

    @cached_property
    def architecture(self):
        """The network's sizes.

        Raises:
            WeightsError: the description is not one of such a network.
        """
        try:
            return self._architecture(self.description["architecture"])
        except Exception as error:  # depends on what its fields are
            raise self._foreign(self.source) from error

    def network(self):
        """The network with its weights, from crops to the maps of ``codec``.

        Raises:
            WeightsError: the description is not one of such a network, or the file is damaged or
                of another one.
            ForkError: Keras was at work before this process was forked.
        """
        forks.check(forks.KERAS)
        from multiposenet.networks.public_weights.weight_files import load_fitting

        architecture = self.architecture
        try:
            network, saved = self._networks(architecture)
        except Exception as error:  # sizes that no network has
            raise self._foreign(self.source) from error
        load_fitting(saved, self.path, self.TRAIN)
        return network

    @property
    @abstractmethod
    def margin(self) -> float:
        """By which share its crops are longer and wider than boxes."""

    @property
    @abstractmethod
    def codec(self):
        """The ``Codec`` of its maps; None for Gaussians of the stride that they have."""

    @staticmethod
    @abstractmethod
    def _architecture(fields):
        """The sizes that a description has."""

    @abstractmethod
    def _networks(self, architecture):
        """The network for inference, and the one whose weights the file has."""
