"""Count the parameters of a model, block by block.

Takes the models of the zoo and, without any weights, the architectures multiposenet-nano,
multiposenet-scratch, multiposenet-r50, multiposenet-r101 and multiposenet-r101-dilated.
"""

import math

from multiposenet import zoo
from multiposenet.commands import output
from multiposenet.errors import WeightsError

BACKBONES = {
    "multiposenet-nano": "efficientnet_lite0",
    "multiposenet-scratch": "nano",
    "multiposenet-r50": "resnet50",
    "multiposenet-r101": "resnet101",
    "multiposenet-r101-dilated": "resnet101_dilated",
}


def add_arguments(parser):
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME",
        help="a model of the zoo or one of the architectures above (default: %(default)s)",
    )
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    rows = blocks(args.model)
    total = {key: sum(row[key] for row in rows) for key in ("parameters", "trainable")}
    if args.json:
        output.write_json(args.json, {"model": args.model, "blocks": rows, "total": total})
    if args.json != "-":
        output.print_table(
            [args.model, "parameters", "trainable"],
            [
                [row["block"], f"{row['parameters']:,}", f"{row['trainable']:,}"]
                for row in [*rows, {"block": "total", **total}]
            ],
        )
    return 0


def blocks(name: str) -> list[dict]:
    """Counts the parameters of a model.

    Args:
        name: a model of the zoo or one of the architectures in `BACKBONES`.

    Returns:
        `block`, `parameters` and `trainable` of each block, in the order of the data's flow.

    Raises:
        WeightsError: unknown name.
    """
    options = _architecture(name)
    output.import_keras()
    from multiposenet.systems.multiposenet import MultiPoseNet

    return [
        {
            "block": name,
            "parameters": _size(block.weights),
            "trainable": _size(block.trainable_weights),
        }
        for name, block in MultiPoseNet(**options).blocks.items()
    ]


def _architecture(name: str) -> dict:
    """Keyword arguments of MultiPoseNet."""
    if name in zoo.names():
        return zoo.entry(name)["architecture"]
    if name in BACKBONES:
        return {"backbone": BACKBONES[name]}
    known = ", ".join(sorted({*zoo.names(), *BACKBONES}))
    raise WeightsError(f"{name}: model: unknown name; use one of: {known}")


def _size(weights) -> int:
    # Dropout keeps the state of its random generator as a weight; that is no parameter.
    return sum(math.prod(w.shape) for w in weights if "seed_generator" not in w.path)
