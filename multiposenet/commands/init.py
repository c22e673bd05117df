"""Write the skeleton of a data set's keypoints, a YAML file to be edited.

DATASET is a COCO keypoint file (JSON, plain or .gz), or a data set as train takes it, such as
coco:FOLDER. The file gets the keypoints' names, limbs, the pairs of left and right that their names
tell, and their sigmas, by which OKS and AP measure: of persons that are labelled twice, in DATASET
or in --again, or else of COCO's keypoints of the same name, or else COCO's mean, with a warning.
--skeleton of train, evaluate and inspect takes it.
"""

from pathlib import Path

from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError


def add_arguments(parser):
    parser.add_argument("dataset", metavar="DATASET", help="FILE or FORMAT:FOLDER")
    parser.add_argument(
        "--again",
        nargs="+",
        default=[],
        metavar="DATASET",
        help="other labels of the same photos, from which sigmas are measured",
    )
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of a category that names none (default: coco_17)",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="of the skeleton (default: that of the category)"
    )
    parser.add_argument(
        "--out",
        default="skeleton.yaml",
        metavar="FILE",
        help="the file to write (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    arguments.add_json_argument(parser)


def run(args) -> int:
    from multiposenet import skeleton as skeletons
    from multiposenet.training.datasets import own_skeleton

    result_files.writable_json(args.json)
    result_files.writable_json(args.out, "--out")
    if Path(args.out).suffix.lower() not in (".yaml", ".yml"):
        raise InputError(f"{args.out}: --out: is no YAML file; name one that ends in .yaml")
    if Path(args.out).exists() and not args.overwrite:
        raise InputError(f"{args.out}: --out: is there; name another file, or give --overwrite")
    given = skeletons.get(args.skeleton) if args.skeleton else None
    with console.notes():
        made = own_skeleton.propose(args.dataset, args.again, given, args.name)
    made.skeleton.to_yaml(args.out, made.comments())
    skeleton = made.skeleton
    mirror = skeleton.flip_indices.tolist()
    if args.json:
        result = skeleton.to_dict() | {"sources": made.sources, "repeats": made.repeats}
        result_files.write_json(args.json, {"file": str(args.out), **result})
    unknown = made.sources.count(own_skeleton.DEFAULT)
    if unknown:
        console.report(
            f"{args.dataset}: sigmas: nothing is known of {unknown} of {len(mirror)} keypoints, "
            f"{skeletons.MEAN_SIGMA} stands in, on which AP depends; edit {args.out}, or give "
            "--again labels of the same photos by somebody else"
        )
    if args.json != "-":
        rows = [
            [name, skeleton.keypoints[other] if other != index else "-", f"{sigma:g}", source]
            for index, (name, other, sigma, source) in enumerate(
                zip(skeleton.keypoints, mirror, skeleton.sigmas, made.sources, strict=True)
            )
        ]
        console.print_table(["keypoint", "mirror image", "sigma", "known from"], rows)
        print(f"limbs: {len(skeleton.limbs)}{', by name' if made.limbs_by_name else ''}")
        print(console.printable(f"written: {args.out}"))
    return 0
