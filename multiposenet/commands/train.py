"""Train the stages of multiposenet-nano, each from what the ones before left in the run folder.

Stages: keypoints (backbone, keypoint pyramid and subnet), person (person pyramid and subnet, on
the frozen backbone), prn (the pose residual network), release (collects a run's parts in one
half-precision file and enters it into a manifest).
"""

import argparse
import ast

from multiposenet.commands import output
from multiposenet.errors import InputError

STAGES = ("keypoints", "person", "prn", "release")


def add_arguments(parser):
    parser.add_argument("stage", metavar="STAGE", choices=STAGES, help=", ".join(STAGES))
    parser.add_argument("--data", metavar="DIR", help="folder of the data sets (not for release)")
    parser.add_argument(
        "--run",
        default="runs/nano",
        metavar="DIR",
        help="checkpoints, logs, results (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=_assignment,
        default=[],
        metavar="NAME=VALUE",
        help="change fields of the stage's recipe (multiposenet.training.recipes)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--out",
        default="weights",
        metavar="DIR",
        help="release: folder of manifest.json (default: %(default)s)",
    )
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    files = _release(args) if args.stage == "release" else _train(args)
    if args.json:
        output.write_json(args.json, {"stage": args.stage, "files": [str(f) for f in files]})
    if args.json != "-":
        print(f"{args.stage}: wrote {', '.join(map(str, files))}")
    return 0


def _train(args) -> list:
    if not args.data:
        raise InputError(f"{args.stage}: --data: missing; name the folder of the data sets")
    folder = output.writable_folder(args.run)

    output.import_keras()
    from multiposenet.training import nano

    recipe = _recipe(nano.RECIPES[args.stage](), args.set)
    nano.train(args.stage, args.data, folder, recipe=recipe, resume=args.resume)
    return [folder / f"{part}.weights.h5" for part in nano.PARTS[args.stage]]


def _release(args) -> list:
    output.import_keras()
    from multiposenet.training import release

    return [release.release(args.run, output.writable_folder(args.out))]


def _recipe(recipe, changes):
    """The recipe with some fields changed; each value has to be of the type it replaces."""
    import dataclasses

    fields = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    for name, value in changes:
        if name not in fields:
            known = ", ".join(fields)
            raise InputError(f"--set: {name}: the recipe has no such field; use one of: {known}")
        wanted = type(fields[name])
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise InputError(
                f"--set: {name}: {value!r} is no {wanted.__name__}; the default is {fields[name]!r}"
            )
        fields[name] = value
    return dataclasses.replace(recipe, **fields)


def _assignment(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
