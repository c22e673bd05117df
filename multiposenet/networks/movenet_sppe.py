"""A single-person pose estimator on the network of a MoveNet, which has seen people."""

import keras
from keras import layers

from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.grmi import GRMIArchitecture

HEAD_CHANNELS = 96  # MoveNet's


def movenet_sppe(num_keypoints, *, image_size, backbone="movenet_thunder", name="sppe"):
    """Heatmaps by a MoveNet's backbone, pyramid and heatmap head, and a bias of each cell.

    It is the network of ``GRMIArchitecture`` at stride 4 without offsets.
    ``grmi.load_movenet_start`` fills it.

    Args:
        num_keypoints: K.
        image_size: height and width of the images, multiples of 32.
        backbone: a key of ``backbones.movenet.WIDTHS``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to the dict of ``"heatmaps"``
        ``(B, H/4, W/4, K)``, sigmoids.

    Raises:
        ValueError: a side is no multiple of 32.
    """
    sizes = GRMIArchitecture(backbone, image_size, STRIDE, head_channels=HEAD_CHANNELS, places=True)
    network = sizes.network(num_keypoints)
    maps = layers.Activation("sigmoid", name="maps", dtype="float32")(network.output["heatmaps"])
    return keras.Model(network.input, {"heatmaps": maps}, name=name)
