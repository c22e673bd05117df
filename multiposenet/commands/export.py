"""Write a model for another runtime: SavedModel, ONNX, OpenVINO or LiteRT.

The file takes batches of any length, images of any size, and returns finished poses. It is
compared with Keras on photos: if a keypoint of a pose above the model's score differs by more than
the tolerance, no file is left and the exit status is 2. A JSON file beside it has the skeleton.
`--model FILE` of the other verbs takes the file; Keras is not needed to run it.

With --int8 the convolutions of an OpenVINO file compute in 8 bits, in ranges that photos of the
user's own have set (--calibrate, 100 or more like those that it will see). Keypoints then move:
what is printed is the share of poses that Keras finds and the file finds again, and how far their
keypoints are apart. A file that misses a quarter of the poses, finds a quarter more, or has half of
the keypoints more than 3 px off, is not left. Compared are photos that did not calibrate: those
of --photos or else every fifth of --calibrate.
"""

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.errors import InputError
from multiposenet.systems import registry

PHOTOS = 50
CALIBRATING = (20, 300)  # photos that calibrate, at least and at most
HELD_OUT = 5  # every so many-th photo is for the comparison


def add_arguments(parser):
    formats = [name for entry in registry.entries().values() for name in entry.formats]
    parser.add_argument(
        "--format",
        choices=tuple(dict.fromkeys(formats)),
        default="onnx",
        help="of the file (default: %(default)s)",
    )
    systems.add_system_arguments(parser, "a model of the zoo or a weights file")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file, for SavedModel a folder (default: NAME.onnx, NAME-saved-model etc.)",
    )
    parser.add_argument(
        "--size",
        type=arguments.size,
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
        "--int8", action="store_true", help="compute convolutions in 8 bits (OpenVINO only)"
    )
    parser.add_argument(
        "--calibrate",
        nargs="+",
        metavar="SOURCE",
        help="for --int8: photos that set the ranges, "
        f"{CALIBRATING[0]} at least; of more than {CALIBRATING[1]} as many, evenly spread",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        metavar="PIXELS",
        help="largest difference of a keypoint (default: %(default)s)",
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    from pathlib import Path

    from multiposenet.runtimes import exported

    result_files.writable_json(args.json)
    _check_format(args)
    _check_int8(args)
    calibrating, photos = _photos(args)
    if exported.format_of(args.model):
        raise InputError(f"{args.model}: --model: is exported already; name what it was made of")
    keras_start.import_keras()
    import dataclasses

    from multiposenet.runtimes import export, quantization

    pose = systems.load_or_untrained(args, batch_size=2)
    name = Path(args.model).name.removesuffix(".h5").removesuffix(".weights")
    name = name.removesuffix(".keras") + ("-int8" if args.int8 else "")
    # The folder of a SavedModel must not look like a name of the zoo.
    path = Path(args.out or name + (exported.FORMATS[args.format] or "-saved-model"))
    result_files.writable_folder(path.parent)
    if args.int8:
        quantization.require(path)
    size = args.size
    if args.format == "litert" and not size:
        size = (-(-pose.image_size // 32) * 32,) * 2
    found = export.export(
        pose.model,
        path,
        args.format,
        pose.canvases(photos, size),
        options=pose.options,
        size=size,
        tolerance=args.tolerance,
        calibration=_canvases(pose, calibrating, size) if args.int8 else None,
    )
    result = {"file": str(path), "format": args.format, **dataclasses.asdict(found)}
    if args.json:
        result_files.write_json(args.json, result)
    if args.json != "-":
        console.say(f"{path}: {_sentence(found)}")
    if not found.poses:
        console.report(f"{path}: nobody found on the photos; only heatmaps were compared")
    return 0


def _check_format(args):
    entry = registry.get(args.system)
    if args.format not in entry.formats:
        known = ", ".join(entry.formats)
        remedy = f"use one of: {known}" if known else "export the model alone, without --system"
        raise InputError(f"--format: {entry.title} is not exported as {args.format}; {remedy}")


def _check_int8(args):
    if args.int8 and args.format != "openvino":
        raise InputError(f"--int8: not for {args.format} files; add --format openvino")
    if args.int8 and not args.calibrate:
        raise InputError("--int8: no photos to calibrate on; name photos with --calibrate")
    if args.calibrate and not args.int8:
        raise InputError("--calibrate: only 8 bits need it; add --int8")


def _photos(args) -> tuple[list, list]:
    """The files to calibrate on, and the frames to compare on, none of them the same."""
    from itertools import islice

    from multiposenet import sources

    files = [file for source in args.calibrate or [] for file in sources.files(source)]
    compared = args.photos or _spread(files[::HELD_OUT], PHOTOS) or [sources.sample_photo()]
    if args.int8:
        kept_out = compared if args.photos else files[::HELD_OUT]
        kept_out = {file.resolve() for source in kept_out for file in sources.files(source)}
        files = [file for file in files if file.resolve() not in kept_out]
        _enough(len(files), "beside those to compare on")
    photos = [
        item
        for item in islice(sources.frames(compared), PHOTOS)
        if not isinstance(item, InputError)
    ]
    if not photos:
        raise InputError("--photos: none can be read; name photos with people")
    return _spread(files, CALIBRATING[1]), photos


def _enough(count: int, which: str) -> None:
    if count < CALIBRATING[0]:
        raise InputError(
            f"--calibrate: {count} photos {which}, fewer than {CALIBRATING[0]}; name more"
        )


def _spread(items: list, most: int) -> list:
    """At most so many of the items, evenly spread."""
    count = min(len(items), most)
    return [items[index * len(items) // count] for index in range(count)]


def _canvases(pose, files, size) -> list:
    """Each photo alone as the network sees it, as uint8, which is a quarter of the memory."""
    import numpy as np

    from multiposenet import sources

    canvases = []
    for item in console.progress(sources.frames(files), len(files), "calibrate"):
        if isinstance(item, InputError):
            console.report(item)
        else:
            canvases += [np.rint(c).astype("uint8") for c in pose.canvases([item], size)]
    _enough(len(canvases), "can be read")
    return canvases


def _sentence(found) -> str:
    from multiposenet.runtimes.quantization import Agreement

    if isinstance(found, Agreement):
        return (
            f"{found.found:.1%} of {found.poses} poses on {found.photos} photos found again, "
            f"{found.extra:.1%} more that Keras does not find; keypoints differ by "
            f"{found.median_pixels:.2g} px (median), {found.p99_pixels:.3g} px (99th percentile)"
        )
    return (
        f"{found.poses} poses on {found.photos} photos differ from Keras by at most "
        f"{found.pixels:.2g} px, scores by {found.score:.1g}, heatmaps by {found.heatmap:.1g}"
    )
