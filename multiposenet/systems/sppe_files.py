"""Trained SPPEs, the networks of RMPE, from the zoo and from run folders."""

import os
from typing import ClassVar

from multiposenet.networks import crop_margins
from multiposenet.systems.network_files import NetworkFile

DEFAULT = "sppe-thunder"
"""The SPPE that is taken if none is named."""


class SPPEFile(NetworkFile):
    """A trained SPPE: after the stage sppe alone, after the stage sstn with its transformers."""

    KIND: ClassVar = "sppe"
    WHAT: ClassVar = "SPPE"
    OF: ClassVar = "an SPPE"
    TRAIN: ClassVar = "train one (`multiposenet train sppe`, then `train sstn`)"
    DESCRIPTION: ClassVar = "rmpe.json"
    WEIGHTS: ClassVar = ("rmpe.weights.h5", "sppe.weights.h5")

    @property
    def margin(self):
        return self.architecture.margin if self._transformed else crop_margins.SPPE

    @property
    def codec(self):
        return None

    @property
    def _transformed(self):
        return self.architecture.stn and self.path.name != self.WEIGHTS[-1]

    @staticmethod
    def _architecture(fields):
        from multiposenet.networks.sppe import SPPEArchitecture

        return SPPEArchitecture.from_dict(fields)

    def _networks(self, architecture):
        from multiposenet.networks.sppe import inference_model

        sppe = architecture.single_person(self.skeleton.num_keypoints)
        if not self._transformed:
            return inference_model(sppe, oversampling=architecture.oversampling), sppe
        network = inference_model(sppe, architecture.localisation(sppe), architecture.oversampling)
        return network, network


def load_network(name: str | os.PathLike = DEFAULT):
    """Loads a trained SPPE, with its spatial transformers if it has any.

    Args:
        name: as for ``SPPEFile.find``.

    Returns:
        The network, see ``networks.sppe.inference_model``; its ``Skeleton``; and options of
        ``RMPE``, a dict: the ``margin`` of its proposals, and its manifest entry's ``options``.

    Raises:
        WeightsError: the name is unknown, or a file is missing, damaged or of another network.
        ForkError: Keras was at work before this process was forked.
    """
    found = SPPEFile.find(name)
    return found.network(), found.skeleton, {"margin": found.margin, **found.options}
