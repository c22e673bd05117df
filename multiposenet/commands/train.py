"""Train a model stage by stage, each from what the ones before left in the run folder.

Stages: keypoints (backbone, keypoint pyramid and subnet), person (person pyramid and subnet, on
the frozen backbone), prn (the pose residual network), release (collects a run's parts in one
half-precision file and enters it into a manifest). The result of all three is
RUN/model.weights.h5, which predict and evaluate take as --model.

Data sets are named FORMAT:FOLDER, several of them in one command; or give a COCO file by
--annotations and its photos by --images. The prn stage needs no photos.

RMPE's single-person pose estimator is stage sppe, and sstn the symmetric STN around it, which needs
sppe. The result is RUN/rmpe.weights.h5. RMPE's proposal generators, pgpg and dpg, learn from
--annotations and a detector's --detections; they leave pgpg.npz and dpg.weights.h5 in RUN. They
have one recipe each.
"""

from multiposenet.commands import output
from multiposenet.errors import InputError

GENERATORS = ("pgpg", "dpg")
STAGES = ("keypoints", "person", "prn", "release", "sppe", "sstn", *GENERATORS)
RECIPES = ("nano", "nano-gpu", "paper")


def add_arguments(parser):
    parser.add_argument("stage", metavar="STAGE", choices=STAGES, help=", ".join(STAGES))
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="FORMAT:FOLDER",
        help="data sets in a known layout, such as coco:my_photos",
    )
    data.add_argument("--annotations", metavar="FILE", help="COCO keypoint annotations")
    data.add_argument("--images", metavar="DIR", help="folder of their photos")
    data.add_argument(
        "--masks", metavar="DIR", help="folder of their masks (default: from the annotations)"
    )
    data.add_argument(
        "--skeleton",
        metavar="NAME",
        help="joints to learn: a name or a YAML file (default: those of --annotations, or coco_17)",
    )
    data.add_argument(
        "--detections",
        metavar="FILE",
        help="pgpg, dpg: COCO results for the photos, such as poses.json of predict",
    )
    data.add_argument("--val-annotations", metavar="FILE", help="measure on these while training")
    data.add_argument("--val-images", metavar="DIR", help="folder of their photos")
    parser.add_argument(
        "--recipe", default="nano", choices=RECIPES, help="all numbers (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=output.change,
        default=[],
        metavar="NAME=VALUE",
        help="change fields of the recipe (multiposenet.training.recipes)",
    )
    parser.add_argument(
        "--run",
        default="runs/nano",
        metavar="DIR",
        help="checkpoints, logs, results (default: %(default)s)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--devices", type=int, default=1, metavar="N", help="share each batch between N devices"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes that make batches, for GPUs as many as cores (default: threads)",
    )
    parser.add_argument(
        "--out",
        default="weights",
        metavar="DIR",
        help="release: folder of manifest.json (default: %(default)s)",
    )
    parser.add_argument(
        "--name",
        default="multiposenet-nano",
        help="release: the model's name in the manifest (default: %(default)s)",
    )
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    if args.stage == "release":
        files = _release(args)
    else:
        files = _generator(args) if args.stage in GENERATORS else _train(args)
    if args.json:
        output.write_json(args.json, {"stage": args.stage, "files": [str(f) for f in files]})
    if files and args.json != "-":
        print(f"{args.stage}: wrote {', '.join(map(str, files))}")
    return 0


def _train(args) -> list:
    _check(args)
    folder = output.writable_folder(args.run)

    output.import_keras()
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training import pipeline, recipes

    known = recipes.RECIPES[args.stage]
    if args.recipe not in known:
        raise InputError(
            f"{args.stage}: --recipe: no {args.recipe} for this stage; use {' or '.join(known)}"
        )
    recipe = recipes.change(known[args.recipe](), dict(args.set))
    samples, skeleton = _samples(args)
    validation = None
    if args.val_annotations:
        validation = CocoAnnotations.load(args.val_annotations, skeleton)
    return pipeline.train(
        args.stage,
        samples,
        folder,
        recipe,
        skeleton=skeleton,
        val_annotations=validation,
        val_images=args.val_images,
        devices=args.devices,
        workers=args.workers,
        resume=args.resume,
    )


def _generator(args) -> list:
    for name in ("annotations", "detections"):
        if getattr(args, name) is None:
            raise InputError(f"{args.stage}: --{name}: missing; name the file")
    folder = output.writable_folder(args.run)

    output.import_keras()
    from multiposenet.training.stages import proposals

    return proposals.train(
        args.stage,
        args.annotations,
        args.detections,
        folder,
        changes=dict(args.set),
        resume=args.resume,
    )


def _check(args) -> None:
    photos = args.stage != "prn"
    if not (args.data or args.annotations):
        raise InputError(
            f"{args.stage}: --data: missing; name data sets as FORMAT:FOLDER, or --annotations"
        )
    for name, needed in (("", args.annotations), ("val-", args.val_annotations)):
        given = args.val_images if name else args.images
        if needed and photos and not given:
            raise InputError(f"{args.stage}: --{name}images: missing; name the folder of photos")
        if given and not needed:
            raise InputError(f"--{name}images: without --{name}annotations; give both")
    if args.devices < 1:
        raise InputError(f"--devices: {args.devices}; give 1 or more")
    if args.workers < 0:
        raise InputError(f"--workers: {args.workers}; give 0 or more")


def _samples(args) -> tuple[list, object]:
    """The training samples and the skeleton in which they are."""
    from multiposenet import skeleton as skeletons
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training import datasets
    from multiposenet.training.datasets import coco

    annotations = None
    if args.annotations:
        annotations = CocoAnnotations.load(args.annotations)
    if args.skeleton:
        skeleton = skeletons.get(args.skeleton)
    else:
        skeleton = annotations.skeleton if annotations else skeletons.COCO_17
    samples = []
    if annotations:
        samples += coco.from_annotations(annotations, args.images or ".", args.masks, skeleton)
    for name in args.data:
        samples += datasets.read(name, skeleton)
    return samples, skeleton


def _release(args) -> list:
    output.import_keras()
    from multiposenet.training.release import entry

    return [entry.release(args.run, output.writable_folder(args.out), args.name)]
