"""Put photos and their labels into few large files for training.

DATASET is FORMAT:FOLDER, as train takes it. DIR gets Parquet files of --shard photos each: the
photos' files as they are, their masks, their labels. `train STAGE --data packed:DIR` reads them;
the stages of photos go through them file after file, mixed, each photo once an epoch, which a disk
or a network does fastest. A photo that cannot be used is named and left out. The same command
goes on with what an interrupted one has left; files are there as a whole or not at all.
"""

from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError


def add_arguments(parser):
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="FORMAT:FOLDER")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="a new or an empty folder, or a begun one"
    )
    parser.add_argument(
        "--shard",
        type=arguments.count,
        default=256,
        metavar="N",
        help="photos in a file (default: %(default)s)",
    )
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints that are kept (default: those of the first data set)",
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    folder = result_files.writable_folder(args.out)
    from multiposenet import skeleton as skeletons
    from multiposenet.training import datasets
    from multiposenet.training.datasets import packed

    if any(folder.iterdir()) and not packed.unfinished(folder):
        raise InputError(f"{folder}: --out: is not empty; name another folder")
    if args.skeleton:
        skeleton = skeletons.get(args.skeleton)
    else:
        skeleton = datasets.skeleton_of(args.datasets[0]) or skeletons.COCO_17
    with console.notes():
        samples = [sample for name in args.datasets for sample in datasets.read(name, skeleton)]
    failures = []

    def failed(error):
        console.report(error)
        failures.append(error)

    def shown(samples):
        return console.progress(samples, len(samples), "pack")

    done = packed.write(samples, skeleton, folder, args.shard, failed, shown)
    if args.json:
        about = {"photos": done, "failed": len(failures), "skeleton": skeleton.name}
        result_files.write_json(args.json, about)
    if args.json != "-":
        console.say(f"photos: {done}, keypoints of {skeleton.name}; packed:{folder}")
    if not done:
        return 2
    return 1 if failures else 0
