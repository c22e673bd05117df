"""How the bundled ``grmi-nano`` is made: the network of ``sppe-thunder``, taught disks and offsets.

    python -m multiposenet.training.release.grmi_nano person_keypoints_train2017.json DATA RUN

leaves ``grmi-nano.weights.h5`` in the folder of ``--out``, by default ``weights``, in half
precision, and enters it into the manifest there. Backbone and pyramid are those of
``sppe-thunder``; where in a crop a keypoint is to be expected is counted on the labels. The heads
are trained on its data sets, of the folder DATA; killed and run again, it goes on.
"""

import sys

from multiposenet.networks import grmi
from multiposenet.networks.crop_margins import GRMI as MARGIN
from multiposenet.skeleton import COCO_17
from multiposenet.systems import sppe_files
from multiposenet.systems.grmi_files import DEFAULT
from multiposenet.training import recipes
from multiposenet.training.loop import fitting
from multiposenet.training.release import multiposenet_lite0, network_command, sppe_thunder
from multiposenet.training.release.expected_places import expected_places
from multiposenet.training.release.network_command import DATA, LABELS, RUN
from multiposenet.training.stages.grmi import DiskBatches, GRMIStage, begin

TRAINING = recipes.NanoGRMI(
    pretrained="none",
    frozen="pyramid",
    steps=1500,
    learning_rate=2e-3,
    ema=0.998,
    precision="onednn_bfloat16",
    enlarge=(1.1, 1.4),
    rotation=180.0,
    rotation_chance=0.35,
    validate_every=0,
)
DESCRIPTION = {
    "recipe": "training/release/grmi_nano.py",
    "data": "COCO 2017 photos (2,049 and 2,962), LSP-extended (8,491); where in a crop: COCO "
    "train2017 person labels (149,813); all on the weights of sppe-thunder",
    "licence": sppe_thunder.DESCRIPTION["licence"],
    "options": {"score": 0.07},
}


def make(architecture, labels, data, run, recipe=TRAINING, start=sppe_thunder.NAME):
    """The network, see ``networks.grmi.inference_model``.

    Args:
        architecture: a ``GRMIArchitecture``, the recipe's.
        labels: ``CocoAnnotations`` of COCO's keypoints, for ``expected_places``.
        data: folder of the data sets.
        run: folder of checkpoints and logs.
        recipe: a ``GRMIRecipe``.
        start: an SPPE on the same MoveNet, as of ``sppe_files.load_network``.

    Raises:
        WeightsError: the SPPE cannot be had.
        InputError: a data set is missing.
    """
    network = begin(recipe, architecture, COCO_17)
    sppe, _, _ = sppe_files.load_network(start)
    for layer in sppe.layers:
        if layer.weights and layer.name != "places":
            network.get_layer(layer.name).set_weights(layer.get_weights())
    places = expected_places(labels, architecture.image_size, architecture.cells, MARGIN)
    network.get_layer("places").bias.assign(places)
    samples = multiposenet_lite0.photos(sppe_thunder.PHOTOS, data)
    batches = DiskBatches(samples, recipe, architecture, COCO_17)
    fitting.fit(
        GRMIStage(network, recipe), batches, recipe, steps=recipe.steps, run=run, resume=True
    )
    return grmi.inference_model(network)


def main(arguments=None):
    """Runs the command; returns the exit status."""
    architecture, inputs = TRAINING.architecture(), (LABELS, DATA, RUN)
    return network_command.run(
        make, inputs, architecture, "grmi", DEFAULT, DESCRIPTION, __doc__, arguments
    )


if __name__ == "__main__":
    sys.exit(main())
