"""Convert annotations from one format to another.

A and B are FORMAT:PATH; of a file whose suffix tells its format the path is enough. A may also be
any data set of train, such as mpii:FOLDER.

  coco          COCO JSON: a FILE.json, or FOLDER with annotations.json and photos/
  yolo          YOLO-pose: FOLDER with data.yaml, images/ and labels/; FOLDER:val is another split
  cvat          XML of CVAT for images 1.1: FILE.xml, or FOLDER with annotations.xml and images/
  label-studio  JSON of Label Studio, and the labelling interface beside it
  labelme       FOLDER of Labelme's files, one beside each photo
  parquet       a table, a row a person; needs pyarrow
  sleap         FILE.slp; FILE.nwb and DeepLabCut's sleap:FILE.csv are read alone; needs sleap-io

One category is converted. What A has and cannot be read, and what B cannot hold, is counted and
said. The skeleton (limbs, mirror pairs, sigmas) goes into a YAML file beside B where B has no place
for it, and is read from there.
"""

import shutil
from pathlib import Path

from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError


def add_arguments(parser):
    parser.add_argument("source", metavar="A", help="FILE or FORMAT:PATH to read")
    parser.add_argument("target", metavar="B", help="FILE or FORMAT:PATH to write")
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of an A that names none, or lists them in no order",
    )
    parser.add_argument(
        "--images", metavar="DIR", help="folder of A's photos (default: where its format has them)"
    )
    parser.add_argument(
        "--photos", action="store_true", help="copy the photos into B's folder, too"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    arguments.add_json_argument(parser)


def run(args) -> int:
    from multiposenet import label_formats
    from multiposenet import skeleton as skeletons
    from multiposenet.training import datasets

    result_files.writable_json(args.json)
    if there := _there(args.target):
        if not args.overwrite:
            raise InputError(
                f"{there}: B: is there; name another place, or replace it with --overwrite"
            )
    given = skeletons.get(args.skeleton) if args.skeleton else None
    found = datasets.found(args.source, given)
    annotations = found.annotations
    place = label_formats.place_of_photos(args.target) if args.photos else None
    written = label_formats.write(annotations, args.target)
    copied, failures = (0, 0)
    if place is not None:
        photos = Path(args.images) if args.images else found.photos
        copied, failures = _copy(annotations, photos, place, args.source)
    counts = {
        "photos": len(annotations),
        "persons": len(annotations.persons),
        "keypoints": annotations.skeleton.num_keypoints,
    }
    lost = {"of A": found.lost, "in B": written.lost}
    lost = {side: {what: int(n) for what, n in each.items() if n} for side, each in lost.items()}
    for name, side, verb in ((args.source, "of A", "read"), (args.target, "in B", "held")):
        for what, times in lost[side].items():
            kept = what.startswith("(kept) ")
            told = what.removeprefix("(kept) ") if kept else f"{what}: not {verb}"
            console.report(f"note: {name}: {times:,} {told}")
    if args.json:
        files = [str(file) for file in written.files]
        result = {**counts, "files": files, "lost": lost, "copied": copied, "failed": failures}
        result_files.write_json(args.json, result)
    if args.json != "-":
        told = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
        print(console.printable(f"{told}; written: {args.target}"))
    return 1 if failures else 0


def _there(target: str) -> Path | None:
    """What would be replaced."""
    from multiposenet import label_formats
    from multiposenet.label_formats.found import split_of

    kind, path = label_formats.split(target)
    folder, split = split_of(path)
    if kind == "yolo":
        labels = folder / "labels" / split
        return labels if labels.is_dir() and any(labels.iterdir()) else None
    if kind == "labelme":
        return next(iter(sorted(folder.glob("*.json"))), None) if folder.is_dir() else None
    names = {
        "cvat": "annotations.xml",
        "label-studio": "tasks.json",
        "coco": "annotations.json",
        "sleap": "labels.slp",
    }
    file = path if path.suffix else path / names.get(kind, "annotations.parquet")
    return file if file.exists() else None


def _copy(annotations, photos, place, source) -> tuple[int, int]:
    """Copies the photos; how many were, and how many could not be."""
    from multiposenet.annotations import photo_path
    from multiposenet.files.writing import atomic_write

    if photos is None:
        raise InputError(f"{source}: photos: their folder is not known; name it by --images")
    failures = 0
    for record in annotations.images:
        path = photo_path(photos, record.file_name)
        to = place / record.file_name.replace("\\", "/")
        try:
            if not to.resolve().is_relative_to(place.resolve()):
                raise InputError(f"{path}: photo: its name leads out of {place}; rename it")
            if path.resolve() == to.resolve():
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as file, atomic_write(to) as partial, partial.open("wb") as copy:
                shutil.copyfileobj(file, copy)
        except (InputError, FileNotFoundError, IsADirectoryError) as error:
            told = f"{path}: photo: {error.strerror}" if isinstance(error, OSError) else error
            console.report(told)
            failures += 1
    return len(annotations) - failures, failures
