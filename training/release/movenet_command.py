"""The command behind files that are made of a MoveNet and labels, without training."""

import argparse
import json
import sys

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import MultiPoseNetError
from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.release.entry import enter


def run(make, architecture, kind, name, fields, description, arguments=None):
    """Makes a network and enters it into a manifest, as a command.

    Args:
        make: function of the path of a released MoveNet, ``CocoAnnotations`` and an architecture
            to the network.
        architecture: of the network.
        kind, name: in the manifest.
        fields: further ones of its entry.
        description: of the command.
        arguments: list of str; those of the process if None.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movenet", metavar="JSON", help="of the released MoveNet Thunder")
    parser.add_argument("labels", metavar="FILE", help="COCO keypoint annotations")
    parser.add_argument("--out", default="weights", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--metrics", metavar="JSON", help="what it reaches, an object of figures")
    args = parser.parse_args(arguments)
    try:
        metrics = {"metrics": json.loads(args.metrics)} if args.metrics else {}
        network = make(args.movenet, CocoAnnotations.load(args.labels), architecture)
        described = run_folder.describe_sppe(COCO_17, architecture)
        about = {**fields, "card": f"cards/{name}.md", **metrics}
        print(enter(network, described, args.out, name, about, kind=kind))
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
