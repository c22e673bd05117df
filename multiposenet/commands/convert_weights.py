"""Convert published weights of other projects.

KIND is what FILE holds:

  hourglass   a checkpoint of github.com/princeton-vl/pytorch_stacked_hourglass, of 2 or 8 stacks
              (BSD licence; trained on MPII's photos, which have terms of their own). DIR becomes
              a folder that --system rmpe takes as --sppe. Reading the file needs PyTorch.

FILE may also be the name of a published one, which is then downloaded: hourglass-2, hourglass-8.
Its sha256 is not known here; it is told, and kept beside the file in the cache.

Snapshots of keras-retinanet need no conversion: train person --set pretrained=FILE.h5 takes them.
"""

from pathlib import Path

from multiposenet import keras_start, zoo
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError

KINDS = ("hourglass",)


def add_arguments(parser):
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    parser.add_argument(
        "file", metavar="FILE", help="as the other project published it, or its name"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of the network, if they are not MPII's 16",
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    folder = Path(args.out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: --out: is there; name a new folder")
    path = args.file
    if path in zoo.names("published"):
        if (kind := zoo.entry(path, "published")["kind"]) != args.kind:
            raise InputError(f"{path}: kind: is {kind}, not {args.kind}; name that")
        with console.notes():
            path = zoo.resolve(path, "published")
    keras_start.import_keras()
    files, about = _hourglass(path, args.skeleton, folder)
    if args.json:
        result_files.write_json(args.json, {**about, "files": [str(file) for file in files]})
    if args.json != "-":
        print(
            f"{about['stacks']} stacks, {about['parameters']:,} parameters; predict with "
            f"--system rmpe --sppe {folder}"
        )
    return 0


def _hourglass(path, skeleton, folder) -> tuple[list, dict]:
    from multiposenet import skeleton as skeletons
    from multiposenet.files.writing import save_weights
    from multiposenet.networks.public_weights import hourglass_weights, torch_files
    from multiposenet.networks.sppe import SPPEArchitecture
    from multiposenet.training import run_folder

    arrays = torch_files.read(path)
    stacks, count, width = hourglass_weights.sizes(path, arrays)
    skeleton = skeletons.get(skeleton or "mpii_16")
    if skeleton.num_keypoints != count:
        raise InputError(
            f"{path}: keypoints: {count}, {skeleton.name} has {skeleton.num_keypoints}; give "
            "another --skeleton"
        )
    try:
        architecture = SPPEArchitecture(
            image_size=(256, 256),
            stacks=stacks,
            width=width,
            sigmoid=False,
            stem="torch",
            stn=False,
        )
        sppe = architecture.single_person(count)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    hourglass_weights.load(path, arrays, sppe)
    result_files.writable_folder(folder)
    record, weights = folder / "rmpe.json", folder / "sppe.weights.h5"
    run_folder.record_architecture(record, run_folder.describe_sppe(skeleton, architecture))
    save_weights(sppe, weights)
    return [record, weights], {"stacks": stacks, "parameters": sppe.count_params()}
