"""Count the parameters of a model, block by block.

Takes the models of the zoo and, without any weights, the architectures multiposenet-nano,
multiposenet-scratch, multiposenet-r50, multiposenet-r101 and multiposenet-r101-dilated.
"""

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files


def add_arguments(parser):
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME",
        help="a model of the zoo or one of the architectures above (default: %(default)s)",
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    keras_start.import_keras()
    from multiposenet.systems import catalogue

    rows = catalogue.parameters(args.model)
    total = {key: sum(row[key] for row in rows) for key in ("parameters", "trainable")}
    if args.json:
        result_files.write_json(args.json, {"model": args.model, "blocks": rows, "total": total})
    if args.json != "-":
        console.print_table(
            [args.model, "parameters", "trainable"],
            [
                [row["block"], f"{row['parameters']:,}", f"{row['trainable']:,}"]
                for row in [*rows, {"block": "total", **total}]
            ],
        )
    return 0
