"""A single-person pose estimator by its sizes: network, symmetric STN, and how they fit."""

import dataclasses

import keras

from multiposenet import ranges
from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.backbones import MOVENETS
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.networks.hourglass import STEMS, hourglass
from multiposenet.networks.movenet_sppe import movenet_sppe
from multiposenet.networks.pose_localisation import pose_localisation
from multiposenet.networks.spatial_transformer import localisation_network
from multiposenet.networks.symmetric_stn import symmetric_stn

HOURGLASS = "hourglass"
LOCALISATION_NETWORKS = ("squeeze", "pose")

FORMER_NAMES = {"view": "proposal_scale", "localiser": "localisation_network"}
"""Former to present name of fields of ``SPPEArchitecture``; files that ship have the former."""


def current_names(fields):
    """Fields of an ``SPPEArchitecture`` by their present names, a dict."""
    return {FORMER_NAMES.get(name, name): value for name, value in fields.items()}


@dataclasses.dataclass(frozen=True)
class SPPEArchitecture:
    """Sizes of an SPPE; the defaults are of the compact one, for CPUs.

    Attributes:
        image_size: height and width of the SPPE's images.
        stacks, units, width, levels, sigmoid, stem: of ``hourglass``.
        stn: a symmetric STN around it.
        proposal_scale: how many times as wide and as high as the SPPE's images proposals are: the
            STN takes its picture from so much more of the photo, since what a bad box cuts off is
            lost.
        oversampling: of ``symmetric_stn`` for inference.
        localisation_network: of the STN: ``"squeeze"``, the paper's
            ``localisation_network``, or ``"pose"``, ``pose_localisation``.
        network: ``"hourglass"``, or a MoveNet as of ``movenet_sppe``.

    Raises:
        ValueError: a number or name does not fit.
    """

    image_size: tuple[int, int] = (256, 192)
    stacks: int = 2
    units: int = 1
    width: int = 96
    levels: int = 4
    sigmoid: bool = True
    stem: str = "centered"
    stn: bool = True
    proposal_scale: float = 1.0
    localisation_network: str = "squeeze"
    oversampling: int = 1
    network: str = HOURGLASS

    def __post_init__(self):
        ranges.sequences(self, STRIDE, 2048, 2, "image_size")
        ranges.whole(self, 1, 16, "stacks", "units", "oversampling")
        ranges.whole(self, 1, 1024, "width")
        ranges.whole(self, 1, 8, "levels")
        ranges.real(self, 1, 8, "proposal_scale")
        ranges.flags(self, "sigmoid", "stn")
        if self.stem not in tuple(STEMS):
            raise ValueError(f"stem: {self.stem!r}; use one of {', '.join(STEMS)}")
        networks = (HOURGLASS, *MOVENETS)
        if self.network not in networks:
            raise ValueError(f"network: {self.network!r:.60}; use one of {', '.join(networks)}")
        if self.localisation_network not in LOCALISATION_NETWORKS:
            raise ValueError(
                f"localisation_network: {self.localisation_network!r}; use one of "
                f"{', '.join(LOCALISATION_NETWORKS)}"
            )
        scale = self.proposal_scale
        if any(side * scale % STRIDE for side in self.image_size):
            raise ValueError(
                f"proposal_scale: {scale}; {self.image_size} times it must be multiples of {STRIDE}"
            )

    @classmethod
    def from_dict(cls, fields):
        """An architecture from its fields, which a file may hold under their ``FORMER_NAMES``.

        Raises:
            TypeError: a field is unknown.
            ValueError: a number or name does not fit.
        """
        return cls(**current_names(fields))

    @property
    def proposal_size(self):
        """Height and width of the proposals of the SPPE with its STN, not oversampled."""
        return tuple(int(side * self.proposal_scale) for side in self.image_size)

    @property
    def margin(self):
        """By which share such proposals are longer and wider than boxes."""
        return proposal_margin(self.proposal_size, self.image_size)

    def single_person(self, num_keypoints):
        """The SPPE alone: from images to its heatmaps, of an hourglass those of every stack."""
        if self.network != HOURGLASS:
            size = {"image_size": tuple(self.image_size), "backbone": self.network}
            return movenet_sppe(num_keypoints, **size)
        names = ("image_size", "stacks", "units", "width", "levels", "sigmoid", "stem")
        sizes = {name: getattr(self, name) for name in names}
        return hourglass(num_keypoints, **sizes, name="sppe")

    def localisation(self, sppe):
        """The localisation network of the STN around an SPPE."""
        reach = {"linear": 0.4 / self.proposal_scale, "scale": 1 / self.proposal_scale}
        if self.localisation_network == "pose":
            return pose_localisation(sppe, self.proposal_size, **reach)
        return localisation_network(self.proposal_size, **reach)


PAPER = SPPEArchitecture(image_size=(256, 256), stacks=8, width=256, sigmoid=False)


def proposal_margin(proposal_size, image_size):
    """By which share proposals are longer and wider than boxes.

    A person in them has as many pixels as in an SPPE's image of ``image_size``, which shows
    ``MARGIN`` around the box.
    """
    return MARGIN + (1 + MARGIN) * (proposal_size[0] / image_size[0] - 1)


def inference_model(sppe, localisation=None, oversampling=1):
    """The network that finds the pose in proposals; it shares the weights of its parts.

    Args:
        sppe: as of ``SPPEArchitecture.single_person``.
        localisation: as of ``SPPEArchitecture.localisation``; None leaves the STN out.
        oversampling: of ``symmetric_stn``, 4 x oversampling being the stride s of its maps.

    Returns:
        A ``keras.Model`` from proposals ``(B, H, W, 3)``, RGB 0-255, to a dict with ``heatmaps``
        ``(B, H/s, W/s, K)`` in the proposals' frame; s is 4 without an STN.
    """
    if localisation is not None:
        return symmetric_stn(sppe, localisation, oversampling=oversampling)
    return keras.Model(sppe.input, {"heatmaps": sppe.output["heatmaps"]}, name="sppe_alone")
