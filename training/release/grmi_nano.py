"""How the bundled ``grmi-nano`` is made: MoveNet Thunder's network and labels, without training.

    python -m multiposenet.training.release.grmi_nano movenet-thunder.json \\
        person_keypoints_train2017.json --out weights

leaves ``grmi-nano.weights.h5`` in the folder of ``--out``, in half precision, and enters it into
the manifest there. Backbone, pyramid and heatmaps are MoveNet's; where in a crop a keypoint is to
be expected is counted on the labels; the offsets are one constant.
"""

import argparse
import json
import sys

import cv2
import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import MultiPoseNetError
from multiposenet.maths import cropping
from multiposenet.networks import grmi
from multiposenet.networks.grmi import MARGIN, GRMIArchitecture
from multiposenet.skeleton import COCO_17
from multiposenet.systems.grmi_files import DEFAULT
from multiposenet.training import run_folder
from multiposenet.training.release.entry import enter

ARCHITECTURE = GRMIArchitecture(
    "movenet_thunder", (352, 256), stride=4, radius=2 / 352, head_channels=96, places=True
)
"""R is that of the peaks, which are narrower than the paper's disks."""
SHIFT = (-1.0, -1.0)
"""Pixels from MoveNet's cells to the keypoints: the offsets, the same everywhere."""
LEAST_KEYPOINTS = 3
SMOOTHING = 2.0  # cells
FAINTEST = 1e-2  # least chance of a place, against the likeliest one
DESCRIPTION = {
    "recipe": "training/release/grmi_nano.py, no training",
    "data": "COCO train2017 person labels (149,813); other weights are those of MoveNet Thunder",
    "licence": "Apache-2.0; MoveNet's weights by Google, Apache-2.0; COCO's annotations CC BY 4.0",
    "options": {"score": 0.1},
}


def places(annotations, architecture=ARCHITECTURE):
    """Logarithms of how likely a keypoint is in each cell of a crop, against its likeliest cell.

    Persons and their mirror images are counted.

    Args:
        annotations: ``CocoAnnotations``.
        architecture: of which crops and cells are.

    Returns:
        ``(h, w, K)`` float32, from log(FAINTEST) to about 0.
    """
    skeleton, (height, width) = annotations.skeleton, architecture.cells
    persons = annotations.persons
    rows = ~persons.crowd & (persons.num_keypoints >= LEAST_KEYPOINTS)
    keypoints, boxes = persons.keypoints[rows], persons.xywh[rows].copy()
    boxes[:, 2:] += boxes[:, :2]
    regions = cropping.regions(boxes, architecture.image_size, MARGIN)
    low, high = regions[:, None, :2], regions[:, None, 2:]
    where, seen = (keypoints[..., :2] - low) / (high - low), keypoints[..., 2] > 0
    flip = skeleton.flip_indices
    where = np.concatenate([where, (where * (-1, 1) + (1, 0))[:, flip]])
    seen = np.concatenate([seen, seen[:, flip]]) & ((where >= 0) & (where < 1)).all(axis=-1)
    cells = (where[seen] * (width, height)).astype(int)
    counts = np.zeros((skeleton.num_keypoints, height, width))
    np.add.at(counts, (np.nonzero(seen)[1], cells[:, 1], cells[:, 0]), 1)
    smooth = np.stack([cv2.GaussianBlur(one, (0, 0), SMOOTHING) for one in counts])
    smooth /= np.maximum(smooth.max(axis=(1, 2), keepdims=True), 1e-9)
    return np.log(smooth + FAINTEST).transpose(1, 2, 0).astype(np.float32)


def make(movenet, annotations, architecture=ARCHITECTURE):
    """The network, see ``networks.grmi.inference_model``.

    Args:
        movenet: ``.json`` of the released MoveNet of the architecture's backbone.
        annotations: ``CocoAnnotations`` of COCO's keypoints, for ``places``.
        architecture: a ``GRMIArchitecture`` of stride 4 with ``places``.

    Raises:
        WeightsError: a file of the MoveNet is missing or damaged, or of another one.
    """
    count = COCO_17.num_keypoints
    network = architecture.network(count)
    grmi.load_movenet_start(network, movenet)
    network.get_layer("places").bias.assign(places(annotations, architecture))
    offsets = network.get_layer("offset_cells_prediction")
    offsets.kernel.assign(np.zeros(offsets.kernel.shape))
    offsets.bias.assign(np.repeat(SHIFT, count) / architecture.stride)
    return grmi.inference_model(network)


def release(movenet, labels, out, name=DEFAULT, metadata=None):
    """Makes the network and enters it into the manifest.

    Args:
        movenet: as of ``make``.
        labels: path of COCO keypoint annotations.
        out: folder with ``manifest.json``.
        name: in the manifest.
        metadata: further fields of the entry, such as ``metrics``.

    Returns:
        Path of the weight file.

    Raises:
        MultiPoseNetError: a file is missing or damaged.
    """
    network = make(movenet, CocoAnnotations.load(labels))
    described = run_folder.describe_sppe(COCO_17, ARCHITECTURE)
    fields = {**DESCRIPTION, "card": f"cards/{name}.md", **(metadata or {})}
    return enter(network, described, out, name, fields, kind="grmi")


def main(arguments=None):
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movenet", metavar="JSON", help="of the released MoveNet Thunder")
    parser.add_argument("labels", metavar="FILE", help="COCO keypoint annotations")
    parser.add_argument("--out", default="weights", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--metrics", metavar="JSON", help="what it reaches, an object of figures")
    args = parser.parse_args(arguments)
    try:
        metrics = {"metrics": json.loads(args.metrics)} if args.metrics else {}
        print(release(args.movenet, args.labels, args.out, metadata=metrics))
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
