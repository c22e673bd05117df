"""Train a model stage by stage, each from what the ones before left in the run folder.

{stages}
  all             keypoints, person and prn, one after the other
  release         collects a run's parts in one half-precision file and enters it into a manifest

keypoints, person and prn make RUN/model.weights.h5; predict and evaluate take RUN as --model.
sppe and sstn make RUN/rmpe.weights.h5, of --system rmpe --sppe RUN. person needs keypoints, and
sstn needs sppe.

Data sets are named FORMAT:FOLDER, several of them in one command (among them yolo:FOLDER and the
other formats of convert); or give a COCO file by --annotations and its photos by --images. prn and
joint-assigner need no photos. The proposal generators pgpg and dpg learn from --annotations and a
detector's --detections.

Learnt are the keypoints of --skeleton, or else of the annotations (of several data sets, the
first); in an older run's folder its own. STAGE --help tells the fields of the stage's recipes.
"""

import argparse

from multiposenet import keras_start
from multiposenet.commands import arguments, console, own_keypoints, result_files
from multiposenet.errors import InputError
from multiposenet.systems.argument import change
from multiposenet.training import recipe_help, registry
from multiposenet.training.loop.run_lock import stage_locks

__doc__ = __doc__.replace(
    "{stages}",
    "\n".join(f"  {stage.name:15} {stage.teaches}" for stage in registry.STAGES.values()),
)
STAGES = (*registry.STAGES, "all", "release")


class Help(argparse.Action):
    """``train STAGE --help``: behind the usual help the fields of the stage's recipes."""

    def __init__(self, option_strings, dest, **options):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **options)

    def __call__(self, parser, namespace, values, option_string=None):
        parser.print_help()
        for stage in _stages(getattr(namespace, "stage", None)):
            print(f"\n{recipe_help.text(stage)}")
        parser.exit()


def add_arguments(parser):
    parser.add_argument("-h", "--help", action=Help, help="this; after STAGE its recipes, too")
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
        metavar="NAME|FILE",
        help="keypoints to learn, and those of annotations that name none: a name or a YAML file "
        "of init (default: of the annotations)",
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
        "--start",
        metavar="NAME|RUN",
        help="go on from this model, or the model in the folder of another run: its backbone, and "
        "what fits of the rest (default: as the recipe says)",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=change,
        default=[],
        metavar="NAME=VALUE",
        help="change fields of the recipe (STAGE --help lists them), such as steps=9; "
        "all: of every stage that has the field, STAGE.NAME=VALUE of one; "
        "person: pretrained=FILE.h5 of keras-retinanet; sppe, sstn: generator=pgpg or dpg of the "
        "run",
    )
    parser.add_argument(
        "--run",
        default="runs/nano",
        metavar="DIR",
        help="checkpoints, logs, results (default: %(default)s)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the last checkpoint, also to more steps or epochs than before; all: from "
        "the first stage that is not finished",
    )
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


def _stages(name) -> list:
    """The stages that a name on the command line stands for."""
    if name == "all":
        return list(registry.of_system("multiposenet"))
    return [registry.STAGES[name]] if name in registry.STAGES else []


def _train(args) -> list:
    stages = _stages(args.stage)
    for stage in stages:
        _check(args, stage)
        if args.recipe not in stage.recipes and args.stage != "all":
            raise InputError(
                f"{args.stage}: --recipe: no {args.recipe} for this stage; "
                f"use {' or '.join(stage.recipes)}"
            )
    folder = result_files.writable_folder(args.run)
    with stage_locks(folder, [stage.name for stage in stages]):
        return _train_in(folder, args, stages)


def _train_in(folder, args, stages) -> list:
    keras_start.import_keras()
    from multiposenet.training.runs import plan

    several, quiet = args.stage == "all", args.json == "-"
    recipes = plan.recipes_of(stages, args.recipe, args.set, start=args.start, several=several)
    if several:
        stages = plan.left_of(stages, folder, args.resume)
    if not stages:
        return []
    with console.notes():
        data = _data(args, stages, folder)
    if not (quiet or stages[0].data == registry.DETECTIONS):
        own_keypoints.tell(data.skeleton, data.source)
    return plan.train(
        stages,
        recipes,
        data,
        folder,
        told=_tell if several and not quiet else None,
        detections=args.detections,
        augment=_augment(args, data.skeleton),
        val_images=args.val_images,
        devices=args.devices,
        workers=args.workers,
        resume=args.resume,
    )


def _tell(stage) -> None:
    print(f"{stage.name}: {stage.teaches}", flush=True)


def _data(args, stages, folder):
    from multiposenet.training.runs import plan

    data = plan.read(
        stages,
        folder,
        args.data,
        annotations=args.annotations,
        images=args.images,
        masks=args.masks,
        skeleton=args.skeleton,
        val=args.val_annotations,
    )
    if args.val_annotations and not args.skeleton:
        own_keypoints.note_sigmas(data.skeleton)
    return data


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
    if args.start and stage.system != "multiposenet":
        raise InputError(f"{args.stage}: --start: not of this stage; use --set pretrained=RUN")
    if args.devices < 1:
        raise InputError(f"--devices: {args.devices}; give 1 or more")
    if args.workers < 0:
        raise InputError(f"--workers: {args.workers}; give 0 or more")


def _augment(args, skeleton):
    if args.augment is None:
        return None
    from multiposenet.training.patches import albumentations_bridge

    return albumentations_bridge.read(args.augment, skeleton.flip_indices)


def _release(args) -> list:
    keras_start.import_keras()
    from multiposenet.training.release import entry

    return [entry.release(args.run, result_files.writable_folder(args.out), args.name)]
