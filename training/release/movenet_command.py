"""The command behind files that are made of MoveNet Thunder and labels."""

import argparse
import json
import sys

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import MultiPoseNetError
from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.release.entry import enter


def run(make, architecture, kind, name, fields, description, arguments=None, folders=()):
    """Makes a network and enters it into a manifest, as a command.

    Args:
        make: function of the path of a released MoveNet, ``CocoAnnotations`` and an architecture,
            and of what ``folders`` name, to the network.
        architecture: of the network.
        kind, name: in the manifest.
        fields: further ones of its entry.
        description: of the command.
        arguments: list of str; those of the process if None.
        folders: pairs of name and help of further arguments.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("movenet", metavar="JSON", help="of the released MoveNet Thunder")
    parser.add_argument("labels", metavar="FILE", help="COCO keypoint annotations")
    for folder, told in folders:
        parser.add_argument(folder, metavar=folder.upper(), help=told)
    parser.add_argument("--out", default="weights", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--metrics", metavar="JSON", help="what it reaches, an object of figures")
    args = parser.parse_args(arguments)
    try:
        metrics = {"metrics": json.loads(args.metrics)} if args.metrics else {}
        labels = CocoAnnotations.load(args.labels)
        given = [getattr(args, folder) for folder, _ in folders]
        network = make(args.movenet, labels, architecture, *given)
        described = run_folder.describe_sppe(COCO_17, architecture)
        about = {**fields, "card": f"cards/{name}.md", **metrics}
        print(enter(network, described, args.out, name, about, kind=kind))
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
