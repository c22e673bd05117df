"""How the bundled ``sppe-thunder`` is made: MoveNet Thunder's network, taught odd poses.

    python -m multiposenet.training.release.sppe_thunder movenet-thunder.json \\
        person_keypoints_train2017.json DATA RUN

leaves ``sppe-thunder.weights.h5`` in the folder of ``--out``, by default ``weights``, in half
precision, and enters it into the manifest there. Backbone, pyramid and heatmaps are MoveNet's;
where in a crop a keypoint is to be expected is counted on the labels. All this is then trained on
the data sets named below, of the folder DATA, as ``sppe_tuning`` tells; killed and run again, it
goes on. There is no STN around it.
"""

import sys

from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.grmi import load_movenet_start
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.training import recipes
from multiposenet.training.release import multiposenet_lite0, network_command
from multiposenet.training.release.expected_places import expected_places
from multiposenet.training.release.network_command import DATA, LABELS, RUN
from multiposenet.training.release.sppe_tuning import tune

NAME = "sppe-thunder"
ARCHITECTURE = SPPEArchitecture((256, 192), network="movenet_thunder", stn=False)
MARGIN = 0.15
PHOTOS = ("coco:coco_photos/train", "coco:coco_photos_more", "lsp:lsp_extended/train")
TUNING = recipes.NanoSPPE(
    steps=2400,
    batch_size=16,
    learning_rate=5e-4,
    warmup=60,
    clip_norm=10.0,
    weight_decay=0.0,
    ema=0.998,
    sigma=4.5,  # pixels; MoveNet's own peaks are as wide
    scale=(0.85, 1.15),
    rotation=180.0,
    rotation_chance=0.35,
    box_noise=0.0,
    validate_every=0,
)
LEARNT = 0.5  # share that is kept
MOVENET = ("movenet", "JSON", "of the released MoveNet Thunder")
DESCRIPTION = {
    "recipe": "training/release/sppe_thunder.py",
    "data": "COCO 2017 photos (2,049 and 2,962), LSP-extended (8,491); where in a crop: COCO "
    "train2017 person labels (149,813); all on the weights of MoveNet Thunder",
    "licence": "Apache-2.0 for the weights as far as we hold rights; MoveNet's weights by Google, "
    "Apache-2.0 as far as we know (NOTICE); trained on photos under their owners' licences, many "
    "non-commercial, and on LSP-extended, for research use",
    "options": {
        "margin": MARGIN,
        "score": 0.34,
        "box_overlap": 0.6,
        "pose_nms": {"sigma1": 0.3, "sigma2": 0.01, "distance_weight": 0.05, "eta": 3.01},
    },
}


def make(architecture, movenet, labels, data, run):
    """The SPPE, see ``SPPEArchitecture.single_person``.

    Args:
        architecture: an ``SPPEArchitecture`` on a MoveNet, without STN.
        movenet: ``.json`` of the released MoveNet of the architecture's network.
        labels: ``CocoAnnotations`` of COCO's keypoints, for ``expected_places``.
        data: folder of the data sets.
        run: folder of checkpoints and logs.

    Raises:
        WeightsError: a file of the MoveNet is missing or damaged, or of another one.
        InputError: a data set is missing.
    """
    size = architecture.image_size
    cells = [side // STRIDE for side in size]
    places = expected_places(labels, size, cells, MARGIN)
    learner, teacher = (architecture.single_person(COCO_17.num_keypoints) for _ in range(2))
    load_movenet_start(learner, movenet)
    learner.get_layer("places").bias.assign(places)
    teacher.set_weights(learner.get_weights())
    samples = multiposenet_lite0.photos(PHOTOS, data)
    tune(learner, teacher, samples, COCO_17, TUNING, run, LEARNT)
    return learner


def main(arguments=None):
    """Runs the command; returns the exit status."""
    inputs = MOVENET, LABELS, DATA, RUN
    return network_command.run(
        make, inputs, ARCHITECTURE, "sppe", NAME, DESCRIPTION, __doc__, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
