"""A single-person pose estimator by its sizes: hourglass, symmetric STN, and how they fit."""

import dataclasses

import keras

from multiposenet.networks.hourglass import hourglass
from multiposenet.networks.spatial_transformer import localisation_network
from multiposenet.networks.symmetric_stn import symmetric_stn

MARGIN = 0.2  # by which proposals are longer and wider than boxes (RMPE section 4.2)


@dataclasses.dataclass(frozen=True)
class SPPEArchitecture:
    """Sizes of an SPPE; the defaults are of the compact one, for CPUs.

    Attributes:
        image_size: height and width of the proposals' images.
        stacks, units, width, levels, sigmoid: of ``hourglass``.
        stn: a symmetric STN around the hourglass.
    """

    image_size: tuple[int, int] = (256, 192)
    stacks: int = 2
    units: int = 1
    width: int = 96
    levels: int = 4
    sigmoid: bool = True
    stn: bool = True

    def __post_init__(self):
        object.__setattr__(self, "image_size", tuple(self.image_size))  # JSON brings lists

    def hourglass(self, num_keypoints):
        """The SPPE alone: from images to the heatmaps of every stack."""
        fields = dataclasses.asdict(self)
        del fields["stn"]
        return hourglass(num_keypoints, **fields, name="sppe")

    def localisation(self):
        """The localisation network of the STN."""
        return localisation_network(self.image_size)


PAPER = SPPEArchitecture(image_size=(256, 256), stacks=8, width=256, sigmoid=False)


def inference_model(sppe, localisation=None):
    """The network that finds the pose in proposals; it shares the weights of its parts.

    Args:
        sppe: as of ``SPPEArchitecture.hourglass``.
        localisation: as of ``SPPEArchitecture.localisation``; None leaves the STN out.

    Returns:
        A ``keras.Model`` from proposals ``(B, H, W, 3)``, RGB 0-255, to a dict with ``heatmaps``
        ``(B, H/4, W/4, K)`` in the proposals' frame.
    """
    if localisation is not None:
        return symmetric_stn(sppe, localisation)
    return keras.Model(sppe.input, {"heatmaps": sppe.output["heatmaps"]}, name="sppe_alone")
