"""How the bundled ``sppe-nano`` is made from a run of the stages sppe and sstn.

    python -m multiposenet.training.release.sppe_nano RUN --out weights --pose-nms FILE --score T

leaves ``sppe-nano.weights.h5`` in the folder of ``--out``, in half precision, and enters it into
the manifest there, with the parameters of ``multiposenet learn-pose-nms`` and the least score as
options of RMPE.
"""

import argparse
import dataclasses
import json
import sys

from multiposenet.errors import MultiPoseNetError
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.systems.sppe_files import load_network
from multiposenet.training import run_folder
from multiposenet.training.release.entry import enter

NAME = "sppe-nano"
DESCRIPTION = {
    "recipe": "training/recipes: NanoSPPEGPU, then NanoSSTNGPU with other settings twice; what was "
    "run is in the card",
    "data": "COCO 2017 photos (2,049), LSP-extended (8,491 photos)",
    "licence": "Apache-2.0 for the weights as far as we hold rights; trained on photos under their "
    "owners' licences, many non-commercial, and on LSP-extended, for research use",
}


def release(run, out, *, pose_nms=None, score=None, box_overlap=None, name=NAME, metadata=None):
    """Enters a run's network into the manifest.

    Args:
        run: folder of both stages; of the first alone, the SPPE is without STN.
        out: folder with ``manifest.json``.
        pose_nms: ``PoseNMSParameters`` that fit it; None: those set by hand.
        score: people whose pose score is lower are left out; None: RMPE's default.
        box_overlap: IoU up to which boxes of the detector are proposals; None: the detector's.
        name: in the manifest.
        metadata: further fields of the entry, such as ``metrics``, and others for
            ``DESCRIPTION``'s.

    Returns:
        Path of the weight file.

    Raises:
        WeightsError: the run has no network, or its weights exceed half precision.
    """
    skeleton, architecture = run_folder.load_sppe_architecture(run)
    whole = run_folder.finished(run, "sstn")
    architecture = dataclasses.replace(architecture, stn=whole)
    # The file of an SPPE alone has the names of its own layers, not of a network around it.
    network = load_network(run)[0] if whole else run_folder.load_sppe(run)
    given = {"score": score, "box_overlap": box_overlap}
    options = {key: value for key, value in given.items() if value is not None}
    if pose_nms is not None:
        options["pose_nms"] = dataclasses.asdict(pose_nms)
    described = run_folder.describe_sppe(skeleton, architecture)
    fields = {**DESCRIPTION, "card": f"cards/{name}.md", "options": options, **(metadata or {})}
    return enter(network, described, out, name, fields, kind="sppe")


def main(arguments=None):
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="folder of the stages")
    parser.add_argument("--out", default="weights", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--pose-nms", metavar="FILE", help="written by learn-pose-nms --out")
    parser.add_argument("--score", type=float, metavar="T", help="least score of a pose")
    parser.add_argument("--box-overlap", type=float, metavar="IOU", help="as of predict")
    parser.add_argument("--metrics", metavar="JSON", help="what it reaches, an object of figures")
    parser.add_argument("--name", default=NAME, help="default: %(default)s")
    args = parser.parse_args(arguments)
    try:
        learnt = PoseNMSParameters.load(args.pose_nms) if args.pose_nms else None
        metrics = {"metrics": json.loads(args.metrics)} if args.metrics else {}
        path = release(
            args.run,
            args.out,
            pose_nms=learnt,
            score=args.score,
            box_overlap=args.box_overlap,
            name=args.name,
            metadata=metrics,
        )
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
