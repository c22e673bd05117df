"""Arguments that a system adds to the command line, and how their texts are read."""

import argparse
import ast
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Argument:
    """One option of the command line.

    Attributes:
        flag: such as ``--pose-nms``.
        help: what it is for.
        options: further keyword arguments of ``ArgumentParser.add_argument``; no default.

    Two systems that have the same argument share the object.
    """

    flag: str
    help: str
    options: dict

    @property
    def name(self) -> str:
        """The attribute of the parsed arguments, and the keyword of the system's ``load``."""
        return self.flag.lstrip("-").replace("-", "_")


def share(text: str) -> float:
    """Reads a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def change(text: str) -> tuple[str, object]:
    """Reads NAME=VALUE: the name and the value, a Python literal or else a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return name, value  # the last three: unhashable keys, and nesting without end


POSE_NMS = Argument(
    "--pose-nms",
    "which poses are of one person: by parameters that learn-pose-nms wrote, by OKS-NMS, by "
    "OKS-NMS that lowers scores; none keeps all poses (default: of rmpe those of the SPPE, of "
    "grmi oks, of multiposenet none)",
    {"metavar": "FILE|oks|soft-oks|none"},
)
RESCORING = Argument(
    "--rescoring",
    "what a pose scores: the geometric mean of its box's score and its keypoints' mean score, "
    "that mean alone, or the box's score (default: geometric, of grmi keypoints)",
    {"metavar": "geometric|keypoints|box", "choices": ("geometric", "keypoints", "box")},
)
BOX_OVERLAP = Argument(
    "--box-overlap",
    "IoU up to which the model's boxes are kept (default: of rmpe as the SPPE has learnt, of grmi "
    "0.6)",
    {"type": share, "metavar": "IOU"},
)


def with_rules(options: dict) -> dict:
    """A system's options with the rule of pose NMS in place of its name, if it is a name."""
    if isinstance(options.get("pose_nms"), str):
        from multiposenet.systems import pose_nms

        options = {**options, "pose_nms": pose_nms.rule(options["pose_nms"])}
    return options
