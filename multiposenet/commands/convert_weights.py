"""Convert published weights of other projects.

KIND is what FILE holds:

  hourglass    a checkpoint of github.com/princeton-vl/pytorch_stacked_hourglass, of 2 or 8 stacks
               (BSD licence; trained on MPII's photos, which have terms of their own). DIR becomes
               a folder that --system rmpe takes as --sppe.
  torchvision  a state_dict of torchvision's retinanet_resnet50_fpn (BSD licence; trained on COCO's
               photos, which have terms of their own). DIR becomes a detector of people, for
               --system rmpe and grmi as --model, and to go on from: train all --start DIR, or
               train person --start DIR. Or a state_dict of keypointrcnn_resnet50_fpn,
               whose backbone and pyramid DIR gets, to go on from only.

Reading the files needs PyTorch. FILE may also be the name of a published one, which is then
downloaded: hourglass-2, hourglass-8, retinanet_resnet50_fpn_coco, keypointrcnn_resnet50_fpn_coco.
Its sha256 is not known here; it is told, and kept beside the file in the cache.

Snapshots of keras-retinanet need no conversion: train person --set pretrained=FILE.h5 takes them.
"""

from pathlib import Path

from multiposenet import keras_start, zoo
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError

_TORCHVISION_PARTS = ("backbone", "keypoint_pyramid", "person_pyramid", "person_subnet")
KINDS = ("hourglass", "torchvision")


def add_arguments(parser):
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    parser.add_argument(
        "file", metavar="FILE", help="as the other project published it, or its name"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of an hourglass, if they are not MPII's 16",
    )
    parser.add_argument(
        "--epsilon",
        type=float,
        metavar="E",
        help="of torchvision's batch normalizations in training; by default 0 if they were frozen, "
        "as in what it published, else 1e-5. What was trained with frozen ones from ImageNet "
        "weights has 1e-5",
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
    if args.epsilon is not None and args.kind != "torchvision":
        raise InputError(f"{args.kind}: --epsilon: not of this kind; leave it out")
    if args.skeleton is not None and args.kind != "hourglass":
        raise InputError(f"{args.kind}: --skeleton: not of this kind; leave it out")
    keras_start.import_keras()
    if args.kind == "hourglass":
        files, about = _hourglass(path, args.skeleton, folder)
    else:
        files, about = _torchvision(path, args.epsilon, folder)
    if args.json:
        result_files.write_json(args.json, {**about, "files": [str(file) for file in files]})
    if args.json != "-":
        print(_told(about, folder))
    return 0


def _told(about, folder) -> str:
    if "stacks" in about:
        return (
            f"{about['stacks']} stacks, {about['parameters']:,} parameters; predict with "
            f"--system rmpe --sppe {folder}"
        )
    use = f"go on with train all --start {folder}"
    if about["network"] == "retinanet":
        use = f"predict with --system rmpe --model {folder}, or {use}"
    sizes = f"{about['parameters']:,} parameters, epsilon {about['epsilon']:g}"
    return f"{about['network']}, {sizes}; {use}"


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


def _torchvision(path, epsilon, folder) -> tuple[list, dict]:
    from multiposenet.files.writing import save_weights
    from multiposenet.networks.public_weights import torch_files, torchvision_weights
    from multiposenet.systems import architecture_files
    from multiposenet.systems.multiposenet import MultiPoseNet
    from multiposenet.training import run_folder

    arrays = torch_files.read(path)
    network = torchvision_weights.network_of(path, arrays)
    if epsilon is None:
        epsilon = torchvision_weights.published_epsilon(arrays)
    if not 0 <= epsilon < 1:
        raise InputError(f"--epsilon: {epsilon}; give a number from 0 to 1")
    # Of torchvision's own detections, as far as there is the like here.
    seen = {"image_size": 1088, "nms_iou": 0.5, "box_score": 0.05}
    model = MultiPoseNet("resnet50_torchvision", options=seen)
    filled = {name: getattr(model, name) for name in _TORCHVISION_PARTS}
    torchvision_weights.load(path, arrays, **filled, epsilon=epsilon)
    untrained = ["keypoint_subnet", "prn"]
    if network != "retinanet":
        untrained.insert(1, "person_subnet")
    described = {**run_folder.describe_model(model), "options": seen}
    trained = {name: part for name, part in filled.items() if name not in untrained}
    files = [folder / f"{name}.weights.h5" for name in trained]
    result_files.writable_folder(folder)
    for part, file in zip(trained.values(), files, strict=True):
        save_weights(part, file)
    if network == "retinanet":
        files.append(folder / "model.weights.h5")
        save_weights(model, files[-1])
    architecture_files.write(folder / "model.json", described, untrained)
    about = {
        "network": network,
        "parameters": sum(part.count_params() for part in trained.values()),
        "epsilon": epsilon,
        "untrained": untrained,
    }
    return [folder / "model.json", *files], about
