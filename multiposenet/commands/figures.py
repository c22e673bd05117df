"""Draw the paper's figures from models and labels of one's own.

parameters  parameters of every block of a model (MultiPoseNet, figure 7)
pr-curves   precision against recall by person size (MultiPoseNet, figure 5)
poses       the poses a Pose Residual Network has learnt, clustered (MultiPoseNet, figure 2)
errors      what a model gets wrong, by kind of error, keypoint and person size (failure analysis)
grouping    AP of grouping against what detectors get wrong (cf. MultiPoseNet, table 4)
proposals   box offsets of a detector beside those of proposal generators (RMPE ICCV, figure 5)

Each writes a picture, and by --json the numbers in it. `multiposenet figures NAME --help` lists
the arguments of one.
"""

from pathlib import Path
from typing import NamedTuple

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.commands.labelled import photos as labelled_photos
from multiposenet.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def add_arguments(parser):
    figures = parser.add_subparsers(dest="figure", metavar="NAME", required=True)
    for name, (add, _) in FIGURES.items():
        line = next(line for line in __doc__.splitlines() if line.startswith(f"{name} "))
        what = line.partition(" ")[2].strip()
        figure = figures.add_parser(name, description=what[0].upper() + what[1:] + ".")
        add(figure)
        figure.add_argument(
            "--out",
            default=f"{name}.png",
            metavar="FILE",
            help="the picture (default: %(default)s)",
        )
        arguments.add_json_argument(figure)


def run(args) -> int:
    if Path(args.out).suffix.lower() not in SUFFIXES:
        raise InputError(f"{args.out}: --out: no format of pictures; use a name ending in .png")
    result_files.writable_folder(Path(args.out).parent)
    result_files.writable_json(args.json)
    drawn = FIGURES[args.figure][1](args)

    from multiposenet import plotting

    plotting.save(drawn.figure, args.out)
    if args.json:
        result_files.write_json(args.json, {"figure": args.figure, **drawn.numbers})
    if args.json != "-":
        if drawn.table:
            console.print_table(*drawn.table)
        console.say(args.out)
    return drawn.status


class Drawn(NamedTuple):
    """A figure, the numbers in it for --json, and perhaps a table of them to print."""

    figure: object
    numbers: dict
    status: int = 0
    table: tuple[list[str], list[list[str]]] | None = None


def _add_model(parser):
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME|FILE",
        help="a model of the zoo or a weights file (default: %(default)s)",
    )


def _add_annotations(parser, what):
    parser.add_argument("--annotations", required=True, metavar="FILE", help=what)


def _load_annotations(args, photos=None):
    """The labels; `photos` keeps the first of those that show anybody."""
    import numpy as np

    from multiposenet.annotations import CocoAnnotations

    annotations = CocoAnnotations.load(args.annotations)
    if photos is None:
        return annotations
    return annotations.select(np.unique(annotations.persons.image)[:photos])


def _load_prn(args, annotations):
    """The model's assigner, of the keypoints that the labels have."""
    keras_start.import_keras()
    from multiposenet.systems import estimator

    model = estimator.load(args.model).model
    labelled_photos.check_skeleton(
        args, annotations, model.skeleton, "use another model or other labels"
    )
    return model.prn


def _add_parameters(parser):
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME",
        help="a model of the zoo or an architecture that `multiposenet summary` knows "
        "(default: %(default)s)",
    )


def _parameters(args):
    keras_start.import_keras()
    from multiposenet.systems import catalogue
    from multiposenet.training.figures import parameters

    rows = catalogue.parameters(args.model)

    total = sum(row["parameters"] for row in rows)
    numbers = {"model": args.model, "blocks": rows, "total": total}
    return Drawn(parameters.draw(rows, args.model), numbers)


def _add_curves(parser):
    _add_annotations(parser, "COCO keypoint annotations")
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of the photos")
    systems.add_model_arguments(parser)


def _predictions(args, **defaults):
    """The labels, for each photo its record and `Poses`, and how many could not be read."""
    if not Path(args.images).is_dir():
        raise InputError(f"{args.images}: --images: not a folder; name the folder of the photos")
    annotations = _load_annotations(args)
    pose = systems.load_system(args, **defaults)
    labelled_photos.check_skeleton(args, annotations, pose.skeleton, "use another model")
    records = annotations.images
    answers = labelled_photos.answers(pose, *labelled_photos.photos_of(args, records))
    pairs = [
        (record, item[1])
        for record, item in zip(records, answers, strict=True)
        if not isinstance(item, InputError)
    ]
    return annotations, pairs, len(records) - len(pairs)


def _status(photos, failures):
    return 2 if failures == photos else 1 if failures else 0


def _curves(args):
    # A threshold on the scores would only cut the curves short.
    annotations, pairs, failures = _predictions(args, score=0.0)
    from multiposenet.evaluation import average_precision, precision_curves
    from multiposenet.training.figures import curves

    results = []
    for record, poses in pairs:
        results += poses.to_coco(record.id, annotations.category_id, guesses=True)
    kinds = {kind: precision_curves(annotations, results, kind) for kind in ("keypoints", "boxes")}
    numbers = {
        "model": args.model,
        "photos": len(annotations),
        "failed": failures,
        "thresholds": average_precision.THRESHOLDS.round(2).tolist(),
        "recalls": average_precision.RECALLS.round(2).tolist(),
        "curves": {
            kind: {
                size: {"AP": float(values.mean()), "precision": values.round(6).tolist()}
                for size, values in by_size.items()
            }
            for kind, by_size in kinds.items()
        },
    }
    return Drawn(curves.draw(kinds), numbers, _status(len(annotations), failures))


def _errors(args):
    annotations, pairs, failures = _predictions(args)
    from multiposenet.evaluation import errors
    from multiposenet.training.figures import errors as drawing

    found = errors.Diagnosis.none(annotations.skeleton.num_keypoints)
    for record, poses in pairs:
        found += errors.diagnose(record, poses)
    persons = {
        size: dict(zip(errors.PERSONS, row.tolist(), strict=True))
        for size, row in zip(errors.SIZES, found.persons, strict=True)
    }
    keypoints = {
        size: {
            name: dict(zip(errors.KEYPOINTS, row.tolist(), strict=True))
            for name, row in zip(annotations.skeleton.keypoints, rows, strict=True)
        }
        for size, rows in zip(errors.SIZES, found.keypoints, strict=True)
    }
    numbers = {"model": args.model, "photos": len(annotations), "failed": failures}
    counts = zip(errors.PERSONS, found.persons.T, strict=True)
    totals = found.keypoints.sum(axis=1)
    shares = zip(
        errors.KEYPOINTS, (totals / totals.sum(axis=1, keepdims=True).clip(1)).T, strict=True
    )
    body = [[f"persons {kind}", *map(str, row)] for kind, row in counts]
    body += [[f"keypoints {kind}", *(f"{share:.1%}" for share in row)] for kind, row in shares]
    return Drawn(
        drawing.draw(found, annotations.skeleton),
        numbers | {"persons": persons, "keypoints": keypoints},
        _status(len(annotations), failures),
        (["", *errors.SIZES], body),
    )


def _add_poses(parser):
    _add_annotations(parser, "COCO keypoint annotations; no photos are needed")
    _add_model(parser)
    parser.add_argument(
        "--clusters",
        type=arguments.count,
        default=6,
        metavar="N",
        help="number of poses (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of k-means (default: %(default)s)")


def _poses(args):
    annotations = _load_annotations(args)
    prn = _load_prn(args, annotations)
    import numpy as np

    from multiposenet.training.figures import poses

    places, visible = poses.outputs(prn, annotations)
    if len(places) < args.clusters:
        raise InputError(
            f"--clusters: {args.clusters}, but {args.annotations} has {len(places)} persons with "
            "more than two keypoints; ask for fewer"
        )
    skeleton = annotations.skeleton
    found = poses.clusters(places, visible, skeleton, args.clusters, args.seed)
    numbers = {
        "model": args.model,
        "persons": len(places),
        "oks": found.objective,
        "clusters": [
            {
                "share": float(found.shares[index]),
                "oks": float(found.similarity[found.members == index].mean()),
                # A keypoint that no member has is null.
                "keypoints": [
                    None if np.isnan(keypoint).any() else keypoint.round(2).tolist()
                    for keypoint in centre
                ],
            }
            for index, centre in enumerate(found.centres)
            if found.shares[index]
        ],
    }
    return Drawn(poses.draw(found, visible, skeleton), numbers)


def _add_grouping(parser):
    _add_annotations(parser, "COCO keypoint annotations; no photos are needed")
    parser.add_argument(
        "--prior",
        metavar="FILE",
        help="annotations for the prior of UCR (default: those of --annotations, which favours it)",
    )
    _add_model(parser)
    parser.add_argument(
        "--photos", type=arguments.count, metavar="N", help="use the first N photos with people"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the errors (default: %(default)s)")


def _grouping(args):
    annotations = _load_annotations(args, args.photos)
    prn = _load_prn(args, annotations)
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training.figures import grouping
    from multiposenet.training.grouping import degradation_sweep

    prior = CocoAnnotations.load(args.prior) if args.prior else annotations
    rows = degradation_sweep.sweep(
        degradation_sweep.rivals(prn, prior),
        annotations,
        seed=args.seed,
        progress=lambda items: console.progress(items, len(items), "figures grouping"),
    )
    numbers = {"model": args.model, "photos": len(annotations), "seed": args.seed, "rows": rows}
    columns = [name for name in rows[0] if name.endswith("/AP")]
    headers = ["keypoint AP", "level", *(name.removesuffix("/AP") for name in columns)]
    body = [
        [row["kind"], f"{row['level']:g}", *(f"{row[name]:.1f}" for name in columns)]
        for row in rows
    ]
    return Drawn(grouping.draw(rows), numbers, table=(headers, body))


def _add_proposals(parser):
    _add_annotations(parser, "COCO keypoint annotations; no photos are needed")
    parser.add_argument(
        "--detections",
        required=True,
        metavar="FILE",
        help="COCO results of their photos, such as poses.json of `multiposenet predict`",
    )
    parser.add_argument(
        "--run",
        metavar="DIR",
        help="compare what `multiposenet train pgpg` and dpg left there "
        "(default: a PGPG fitted to every other photo, on the others)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the boxes (default: %(default)s)")


def _proposals(args):
    annotations = _load_annotations(args)
    keras_start.import_keras()
    import numpy as np

    from multiposenet.training.figures import offset_comparison
    from multiposenet.training.figures import proposals as drawing
    from multiposenet.training.proposals import offsets
    from multiposenet.training.recipes.proposals import PGPGRecipe

    recipe = PGPGRecipe()
    pairs = offsets.collect_file(annotations, args.detections, recipe)
    run = None if args.run is None else Path(args.run)
    rng = np.random.default_rng(args.seed)
    real, made = offset_comparison.compare(pairs, annotations.skeleton, rng, run, **recipe.fitting)
    rows = [{"generator": name, **offset_comparison.distances(real, x)} for name, x in made.items()]
    numbers = {
        "pairs": len(real),
        "edges": drawing.EDGES.round(4).tolist(),
        "detector": drawing.densities(real).round(4).tolist(),
        "rows": rows,
    }
    headers = ["KS distance", *list(rows[0])[1:]]
    body = [[row["generator"], *(f"{row[side]:.3f}" for side in headers[1:])] for row in rows]
    return Drawn(drawing.draw(real, made), numbers, table=(headers, body))


FIGURES = {
    "parameters": (_add_parameters, _parameters),
    "pr-curves": (_add_curves, _curves),
    "errors": (_add_curves, _errors),
    "poses": (_add_poses, _poses),
    "grouping": (_add_grouping, _grouping),
    "proposals": (_add_proposals, _proposals),
}
