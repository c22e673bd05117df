"""The command behind files that are made of a MoveNet and labels, without training."""

import argparse
import json
import sys

from multiposenet.errors import MultiPoseNetError


def run(release, description, arguments=None):
    """Runs ``release(movenet, labels, out, metadata=...)`` as a command.

    Args:
        release: the function.
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
        print(release(args.movenet, args.labels, args.out, metadata=metrics))
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
