"""The command behind files that are made of others' networks and of labels."""

import argparse
import json
import sys

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import MultiPoseNetError
from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.release.entry import enter

LABELS = ("labels", "FILE", "COCO keypoint annotations")
DATA = ("data", "DATA", "folder of the data sets")
RUN = ("run", "RUN", "folder of checkpoints and logs")


def run(make, inputs, architecture, kind, name, fields, description, arguments=None):
    """Makes a network and enters it into a manifest, as a command.

    Args:
        make: function of an architecture and, by their names, of the inputs, to the network; it
            gets ``labels`` as ``CocoAnnotations``.
        inputs: name, metavar and help of each argument of the command.
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
    for argument, metavar, told in inputs:
        parser.add_argument(argument, metavar=metavar, help=told)
    parser.add_argument("--out", default="weights", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--metrics", metavar="JSON", help="what it reaches, an object of figures")
    args = parser.parse_args(arguments)
    try:
        metrics = {"metrics": json.loads(args.metrics)} if args.metrics else {}
        given = {argument: getattr(args, argument) for argument, _, _ in inputs}
        given["labels"] = CocoAnnotations.load(args.labels)
        network = make(architecture, **given)
        described = run_folder.describe_sppe(COCO_17, architecture)
        about = {**fields, "card": f"cards/{name}.md", **metrics}
        print(enter(network, described, args.out, name, about, kind=kind))
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
