"""How the bundled ``sppe-thunder`` is made: MoveNet Thunder's network and labels, without training.

    python -m multiposenet.training.release.sppe_thunder movenet-thunder.json \\
        person_keypoints_train2017.json

leaves ``sppe-thunder.weights.h5`` in the folder of ``--out``, by default ``weights``, in half
precision, and enters it into the manifest there. Backbone, pyramid and heatmaps are MoveNet's;
where in a crop a keypoint is to be expected is counted on the labels. There is no STN around it.
"""

import sys

from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.grmi import load_movenet_start
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.training.release.expected_places import expected_places
from multiposenet.training.release.movenet_command import run

NAME = "sppe-thunder"
ARCHITECTURE = SPPEArchitecture((256, 192), network="movenet_thunder", stn=False)
MARGIN = 0.15
DESCRIPTION = {
    "recipe": "training/release/sppe_thunder.py, no training",
    "data": "COCO train2017 person labels (149,813); other weights are those of MoveNet Thunder",
    "licence": "Apache-2.0; MoveNet's weights by Google, Apache-2.0 as far as we know (NOTICE); "
    "COCO's annotations CC BY 4.0",
    "options": {
        "margin": MARGIN,
        "score": 0.3,
        "box_overlap": 0.6,
        "pose_nms": {"sigma1": 0.3, "sigma2": 0.01, "distance_weight": 0.05, "eta": 3.01},
    },
}


def make(movenet, annotations, architecture):
    """The SPPE, see ``SPPEArchitecture.single_person``.

    Args:
        movenet: ``.json`` of the released MoveNet of the architecture's network.
        annotations: ``CocoAnnotations`` of COCO's keypoints, for ``expected_places``.
        architecture: an ``SPPEArchitecture`` on a MoveNet, without STN.

    Raises:
        WeightsError: a file of the MoveNet is missing or damaged, or of another one.
    """
    sppe, size = architecture.single_person(COCO_17.num_keypoints), architecture.image_size
    load_movenet_start(sppe, movenet)
    cells = [side // STRIDE for side in size]
    sppe.get_layer("places").bias.assign(expected_places(annotations, size, cells, MARGIN))
    return sppe


def main(arguments=None):
    """Runs the command; returns the exit status."""
    return run(make, ARCHITECTURE, "sppe", NAME, DESCRIPTION, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
