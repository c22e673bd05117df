"""Trained networks of G-RMI, from the zoo and from run folders."""

from typing import ClassVar

from multiposenet.networks import crop_margins
from multiposenet.systems.network_files import NetworkFile

DEFAULT = "grmi-nano"
"""The network that is taken if none is named."""


class GRMIFile(NetworkFile):
    """A trained network of G-RMI."""

    KIND: ClassVar = "grmi"
    WHAT: ClassVar = "network"
    OF: ClassVar = "G-RMI's network"
    TRAIN: ClassVar = "train one (`multiposenet train grmi`)"
    DESCRIPTION: ClassVar = "grmi.json"
    WEIGHTS: ClassVar = ("grmi.weights.h5",)

    @property
    def margin(self):
        return crop_margins.GRMI

    @property
    def codec(self):
        return self.architecture.codec

    @staticmethod
    def _architecture(fields):
        from multiposenet.networks.grmi import GRMIArchitecture

        return GRMIArchitecture(**fields)

    def _networks(self, architecture):
        from multiposenet.networks.grmi import inference_model

        network = inference_model(architecture.network(self.skeleton.num_keypoints))
        return network, network
