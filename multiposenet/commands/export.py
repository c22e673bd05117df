"""Write a model for another runtime: SavedModel, ONNX, OpenVINO or LiteRT.

The file takes batches of any length, images of any size, and returns finished poses. It is
compared with Keras on photos: if a keypoint of a pose above the model's score differs by more than
the tolerance, no file is left and the exit status is 2. A JSON file beside it has the skeleton.
`--model FILE` of the other verbs takes the file; Keras is not needed to run it.
"""

from multiposenet.commands import output
from multiposenet.commands.bench import load_estimator
from multiposenet.errors import InputError

FORMATS = ("saved_model", "onnx", "openvino", "litert")
PHOTOS = 50


def add_arguments(parser):
    parser.add_argument(
        "--format", choices=FORMATS, default="onnx", help="of the file (default: %(default)s)"
    )
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME|FILE",
        help="a model of the zoo or a weights file (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file, for SavedModel a folder (default: NAME.onnx etc.)"
    )
    parser.add_argument(
        "--size",
        type=output.size,
        metavar="HxW",
        help="the only size of images that the file takes, in multiples of 32 (default: any; for "
        "LiteRT, which needs one, the model's own as a square)",
    )
    parser.add_argument(
        "--photos",
        nargs="+",
        metavar="SOURCE",
        help=f"to compare on, the first {PHOTOS} (default: a sample photo)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        metavar="PIXELS",
        help="largest difference of a keypoint (default: %(default)s)",
    )
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    output.import_keras()
    import dataclasses
    from itertools import islice
    from pathlib import Path

    from multiposenet import export, runtimes, sources

    pose = load_estimator(args.model, batch_size=2)
    name = Path(args.model).name.removesuffix(".h5").removesuffix(".weights")
    path = Path(args.out or name.removesuffix(".keras") + runtimes.FORMATS[args.format])
    output.writable_folder(path.parent)
    photos = [
        item
        for item in islice(sources.frames(args.photos or [sources.sample_photo()]), PHOTOS)
        if not isinstance(item, InputError)
    ]
    if not photos:
        raise InputError("--photos: none can be read; name photos with people")
    options = {"image_size": pose.image_size, "score": pose.score}
    size = args.size
    if args.format == "litert" and not size:
        size = (-(-pose.image_size // 32) * 32,) * 2
    found = export.export(
        pose.model,
        path,
        args.format,
        pose.canvases(photos, size),
        options=options,
        size=size,
        tolerance=args.tolerance,
    )
    result = {"file": str(path), "format": args.format, **dataclasses.asdict(found)}
    if args.json:
        output.write_json(args.json, result)
    if args.json != "-":
        print(
            f"{path}: {found.poses} poses on {found.photos} photos differ from Keras by at most "
            f"{found.pixels:.2g} px, scores by {found.score:.1g}, heatmaps by {found.heatmap:.1g}"
        )
    if not found.poses:
        output.report(f"{path}: nobody found on the photos; only heatmaps were compared")
    return 0
