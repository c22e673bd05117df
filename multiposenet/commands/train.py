"""Train a model stage by stage, each from what the ones before left in the run folder.

{stages}
  release         collects a run's parts in one half-precision file and enters it into a manifest

keypoints, person and prn make RUN/model.weights.h5, which predict and evaluate take as --model;
sppe and sstn make RUN/rmpe.weights.h5, of --system rmpe --sppe RUN. person needs keypoints, and
sstn needs sppe.

Data sets are named FORMAT:FOLDER, several of them in one command; or give a COCO file by
--annotations and its photos by --images. prn and joint-assigner need no photos. The proposal
generators pgpg and dpg learn from --annotations and a detector's --detections.
"""

import os
from contextlib import nullcontext

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError
from multiposenet.systems.argument import change
from multiposenet.training import registry
from multiposenet.training.loop.run_lock import run_lock

__doc__ = __doc__.replace(
    "{stages}",
    "\n".join(f"  {stage.name:15} {stage.teaches}" for stage in registry.STAGES.values()),
)
STAGES = (*registry.STAGES, "release")


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
        help="keypoints to learn: a name or a YAML file (default: of --annotations, or coco_17)",
    )
    data.add_argument(
        "--detections",
        metavar="FILE",
        help="pgpg, dpg: COCO results for the photos, such as poses.json of predict",
    )
    data.add_argument("--val-annotations", metavar="FILE", help="measure on these while training")
    data.add_argument("--val-images", metavar="DIR", help="folder of their photos")
    parser.add_argument(
        "--augment",
        metavar="FILE",
        help="keypoints, person: further changes of patches, as albumentations.save wrote them",
    )
    parser.add_argument(
        "--recipe",
        default="nano",
        choices=registry.recipe_names(),
        help="all numbers (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=change,
        default=[],
        metavar="NAME=VALUE",
        help="change fields of the recipe (multiposenet.training.recipes), such as steps=9; "
        "person: pretrained=FILE.h5 of keras-retinanet; sppe, sstn: generator=pgpg or dpg of the "
        "run",
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
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    files = _release(args) if args.stage == "release" else _train(args)
    if args.json:
        result_files.write_json(args.json, {"stage": args.stage, "files": [str(f) for f in files]})
    if files and args.json != "-":
        console.say(f"{args.stage}: wrote {', '.join(map(str, files))}")
    return 0


def _train(args) -> list:
    stage = registry.STAGES[args.stage]
    _check(args, stage)
    if args.recipe not in stage.recipes:
        raise InputError(
            f"{args.stage}: --recipe: no {args.recipe} for this stage; "
            f"use {' or '.join(stage.recipes)}"
        )
    folder = result_files.writable_folder(args.run)
    # Of the processes that share a training, one takes the lock, and only later.
    shared = {"TF_CONFIG", "KERAS_DISTRIBUTION_NUM_PROCESSES"} & {*os.environ}
    with nullcontext() if shared else run_lock(folder / f"{args.stage}.lock"):
        return _train_in(folder, args, stage)


def _train_in(folder, args, stage) -> list:
    keras_start.import_keras()
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training import pipeline, recipes

    recipe = recipes.change(stage.recipe(args.recipe)(), dict(args.set))
    if stage.data == registry.DETECTIONS:
        samples = CocoAnnotations.load(args.annotations)
        skeleton = samples.skeleton
    else:
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
        detections=args.detections,
        augment=_augment(args, skeleton),
        val_annotations=validation,
        val_images=args.val_images,
        devices=args.devices,
        workers=args.workers,
        resume=args.resume,
    )


def _check(args, stage) -> None:
    if stage.data == registry.DETECTIONS:
        for name in ("annotations", "detections"):
            if getattr(args, name) is None:
                raise InputError(f"{args.stage}: --{name}: missing; name the file")
        if args.val_annotations:
            raise InputError(f"{args.stage}: --val-annotations: nothing is measured; leave it out")
    elif args.detections:
        raise InputError(f"{args.stage}: --detections: not of this stage; leave it out")
    elif not (args.data or args.annotations):
        raise InputError(
            f"{args.stage}: --data: missing; name data sets as FORMAT:FOLDER, or --annotations"
        )
    for name, needed in (("", args.annotations), ("val-", args.val_annotations)):
        given = args.val_images if name else args.images
        if needed and stage.data == registry.PHOTOS and not given:
            raise InputError(f"{args.stage}: --{name}images: missing; name the folder of photos")
        if given and not needed:
            raise InputError(f"--{name}images: without --{name}annotations; give both")
    if args.augment and not stage.augment:
        raise InputError(f"{args.stage}: --augment: not of this stage; leave it out")
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


def _augment(args, skeleton):
    if args.augment is None:
        return None
    from multiposenet.training.patches import albumentations_bridge

    return albumentations_bridge.read(args.augment, skeleton.flip_indices)


def _release(args) -> list:
    keras_start.import_keras()
    from multiposenet.training.release import entry

    return [entry.release(args.run, result_files.writable_folder(args.out), args.name)]
