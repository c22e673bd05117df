"""How the bundled ``grmi-nano`` is made: MoveNet Thunder's network and labels, without training.

    python -m multiposenet.training.release.grmi_nano movenet-thunder.json \\
        person_keypoints_train2017.json

leaves ``grmi-nano.weights.h5`` in the folder of ``--out``, by default ``weights``, in half
precision, and enters it into the manifest there. Backbone, pyramid and heatmaps are MoveNet's;
where in a crop a keypoint is to be expected is counted on the labels; the offsets are one constant.
"""

import sys

import numpy as np

from multiposenet.networks import grmi
from multiposenet.networks.crop_margins import GRMI as MARGIN
from multiposenet.networks.grmi import GRMIArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.systems.grmi_files import DEFAULT
from multiposenet.training.release.expected_places import expected_places
from multiposenet.training.release.movenet_command import run

ARCHITECTURE = GRMIArchitecture(
    "movenet_thunder", (352, 256), stride=4, radius=2 / 352, head_channels=96, places=True
)
"""R is that of the peaks, which are narrower than the paper's disks."""
SHIFT = (-1.0, -1.0)
"""Pixels from MoveNet's cells to the keypoints: the offsets, the same everywhere."""
DESCRIPTION = {
    "recipe": "training/release/grmi_nano.py, no training",
    "data": "COCO train2017 person labels (149,813); other weights are those of MoveNet Thunder",
    "licence": "Apache-2.0; MoveNet's weights by Google, Apache-2.0; COCO's annotations CC BY 4.0",
    "options": {"score": 0.1},
}


def make(movenet, annotations, architecture):
    """The network, see ``networks.grmi.inference_model``.

    Args:
        movenet: ``.json`` of the released MoveNet of the architecture's backbone.
        annotations: ``CocoAnnotations`` of COCO's keypoints, for ``expected_places``.
        architecture: a ``GRMIArchitecture`` of stride 4 with ``places``.

    Raises:
        WeightsError: a file of the MoveNet is missing or damaged, or of another one.
    """
    count = COCO_17.num_keypoints
    network = architecture.network(count)
    grmi.load_movenet_start(network, movenet)
    places = expected_places(annotations, architecture.image_size, architecture.cells, MARGIN)
    network.get_layer("places").bias.assign(places)
    offsets = network.get_layer("offset_cells_prediction")
    offsets.kernel.assign(np.zeros(offsets.kernel.shape))
    offsets.bias.assign(np.repeat(SHIFT, count) / architecture.stride)
    return grmi.inference_model(network)


def main(arguments=None):
    """Runs the command; returns the exit status."""
    return run(make, ARCHITECTURE, "grmi", DEFAULT, DESCRIPTION, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
