"""Check annotations, and draw them.

DATASET is a COCO keypoint file (JSON, plain or .gz), or a data set as train takes it, such as
lsp:FOLDER or yolo:FOLDER. All defects are listed, each with the ids of its photo and annotation:
fields that are missing or wrong, ids and persons that occur twice, points beside the photo or far
from the box, left and right mixed up. With photos their files are decoded, and sizes and EXIF data
compared with the labels.

--repair writes a copy in which is mended what has one right answer, and says what it changed; what
only the photo can tell stays as it is. --write-skeleton writes what init writes.

Exit status: 0 nothing found (with --repair: nothing left), 1 something found, 2 nothing usable.
"""

import argparse
from pathlib import Path

from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import AnnotationError, InputError

# Formats that are one COCO file with photos/ and masks/ beside it.
_COCO_LAYOUT = ("coco", "lsp", "synthetic")


def add_arguments(parser):
    parser.add_argument("dataset", metavar="DATASET", help="FILE or FORMAT:FOLDER")
    parser.add_argument(
        "--images",
        metavar="DIR",
        help="folder of the photos of a FILE; masks are looked for in masks beside it",
    )
    parser.add_argument(
        "--no-decode",
        dest="decode",
        action="store_false",
        help="read the photos' headers only, which finds no truncated ones",
    )
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of a category that names none (default: coco_17)",
    )
    parser.add_argument(
        "--repair", metavar="FILE", help="write a mended copy of the annotations, a COCO file"
    )
    parser.add_argument(
        "--write-skeleton", metavar="FILE", help="write the skeleton of the keypoints, a YAML file"
    )
    parser.add_argument(
        "--examples",
        type=_count,
        default=3,
        metavar="N",
        help="findings of each kind to print (default: %(default)s); --json has all",
    )
    parser.add_argument(
        "--draw",
        type=_count,
        default=0,
        metavar="N",
        help="draw the labels of N photos, those with findings first",
    )
    parser.add_argument(
        "--out",
        default="inspected",
        metavar="DIR",
        help="folder of the drawn photos, where nothing is replaced (default: %(default)s)",
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    result_files.writable_json(args.repair, "--repair")
    result_files.writable_json(args.write_skeleton, "--write-skeleton")
    if args.images and not Path(args.images).is_dir():
        raise InputError(f"{args.images}: --images: not a folder; name the folder of the photos")
    content, path, folders, skeleton = _dataset(args)
    inspection = _inspect(content, path, folders, skeleton, args.decode)
    repaired = _repair(args, content, inspection, folders, skeleton) if args.repair else None
    drawn = _draw(inspection, folders["photos"], args) if args.draw else []
    if args.write_skeleton:
        _write_skeleton(args.write_skeleton, args.dataset, skeleton)
    if args.json:
        result_files.write_json(args.json, _result(args.dataset, inspection, drawn, repaired))
    if args.json != "-":
        _print(args.dataset, inspection, args.examples)
        if drawn:
            console.say(f"\n{len(drawn)} photos drawn into {args.out}")
        if repaired:
            _print_repaired(args.repair, repaired)
    return 1 if (repaired["left"] if repaired else inspection.findings) else 0


def _dataset(args) -> tuple:
    """The content, its path, folders of photos and masks, the skeleton of unnamed keypoints.

    The path is that of the file, or else the name of the data set.
    """
    from multiposenet import label_formats
    from multiposenet import skeleton as skeletons
    from multiposenet.json_table import parse, read_bytes
    from multiposenet.training import datasets

    skeleton = skeletons.get(args.skeleton) if args.skeleton else None
    path, photos = Path(args.dataset), args.images and Path(args.images)
    if not path.is_file():
        kind, _, folder = datasets.split(args.dataset)
        if args.images:
            raise InputError(f"{args.dataset}: --images: the data set has its own; leave it out")
        path = Path(folder) / "annotations.json"
        if kind not in _COCO_LAYOUT:
            found = datasets.found(args.dataset, skeleton)
            folders = {"photos": found.photos, "masks": None}
            return found.content, args.dataset, folders, found.skeleton or skeleton
        photos = Path(folder) / "photos"
    elif label_formats.split(args.dataset)[0] != "coco":
        found = datasets.found(args.dataset, skeleton)
        return found.content, path, {"photos": photos, "masks": None}, found.skeleton or skeleton
    masks = photos and photos.parent / "masks"
    folders = {"photos": photos or None, "masks": masks if masks and masks.is_dir() else None}
    return parse(path, read_bytes(path)), path, folders, skeleton


def _inspect(content, path, folders, skeleton, decode):
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training.datasets.inspection import Inspection

    inspection = Inspection(content, path, **folders, skeleton=skeleton, decode=decode)
    try:
        CocoAnnotations.from_content(content, path, skeleton)
    except AnnotationError as error:
        inspection.refuse(error)
    return inspection


def _repair(args, content, inspection, folders, skeleton) -> dict:
    """Writes the mended copy; what was changed, and what is left to be found in it."""
    from multiposenet.training.datasets.inspection import repair

    mended, changes = repair(content, inspection.findings, len(inspection.keypoints))
    result_files.write_json(args.repair, mended)
    # Photos are as they were, and whether they can be decoded is known.
    again = _inspect(mended, Path(args.repair), folders, skeleton, decode=False)
    left = {kind: len(items) for kind, items in again.by_kind().items()}
    return {"file": str(args.repair), "changes": dict(changes), "left": left}


def _write_skeleton(target, dataset, skeleton) -> None:
    from multiposenet.training.datasets import own_skeleton

    try:
        made = own_skeleton.propose(dataset, given=skeleton)
        made.skeleton.to_yaml(target, made.comments())
    except AnnotationError as error:
        console.report(error)


def _print_repaired(path, repaired) -> None:
    changes, left = repaired["changes"], repaired["left"]
    console.say(f"\nwritten: {path}")
    for change, times in sorted(changes.items()):
        console.say(f"    {change}: {times:,}")
    if not changes:
        console.say("    nothing was changed")
    told = ", ".join(f"{kind} {times:,}" for kind, times in left.items())
    console.say(f"left in it: {told}" if left else "nothing wrong is left in it")


def _result(dataset, inspection, drawn, repaired) -> dict:
    from multiposenet.training.datasets.inspection import KINDS

    findings = {
        kind: {
            "rule": KINDS[kind],
            "count": len(items),
            "items": [
                {"image": i.image, "annotation": i.annotation, "message": i.message} for i in items
            ],
        }
        for kind, items in inspection.by_kind().items()
    }
    return {
        "dataset": dataset,
        **inspection.counts(),
        "pairs": [list(pair) for pair in inspection.pairs()],
        "findings": findings,
        "drawn": [str(path) for path in drawn],
        **({"repaired": repaired} if repaired else {}),
    }


def _print(dataset, inspection, examples) -> None:
    from multiposenet.training.datasets.inspection import KINDS

    counts, found, pairs = inspection.counts(), inspection.by_kind(), inspection.pairs()
    console.say(
        f"{dataset}: {counts['photos']:,} photos ({counts['photos_without_persons']:,} without "
        f"persons), {counts['persons']:,} persons ({counts['persons_without_keypoints']:,} without "
        f"keypoints), {counts['crowds']:,} crowds"
    )
    keypoints = counts["keypoints"].items()
    if any(row["labelled"] for _, row in keypoints):
        console.print_table(
            ["keypoint", "labelled", "visible"],
            [
                [keypoint, f"{row['labelled']:,}", f"{row['visible']:,}"]
                for keypoint, row in keypoints
            ],
        )
    told = ", ".join(f"{first} and {second}" for first, second in pairs)
    console.say(f"mirror pairs: {told or 'none'}")
    for kind, items in found.items():
        console.say(f"{kind}: {len(items):,}. {KINDS[kind][0].upper()}{KINDS[kind][1:]}.")
        for item in items[:examples]:
            console.say(f"    {item}")
        if len(items) > examples:
            console.say(f"    and {len(items) - examples:,} more")
    if not found:
        console.say("nothing wrong was found")


def _draw(inspection, photos, args) -> list[Path]:
    """Draws photos with findings, then others with persons, spread over the file."""
    import numpy as np

    from multiposenet import drawing
    from multiposenet.annotations import is_file_name, photo_path
    from multiposenet.sources import read_image

    if photos is None:
        raise InputError(f"{args.dataset}: --draw: no photos; name their folder by --images")
    folder = result_files.writable_folder(args.out)
    named = [i for i, entry in inspection.images.items() if is_file_name(entry.get("file_name"))]
    faulty = {finding.image for finding in inspection.findings}
    chosen = []
    for images in (
        [i for i in named if i in faulty],
        [i for i in named if i not in faulty and inspection.persons.get(i)],
    ):
        wanted = min(args.draw - len(chosen), len(images))
        chosen += [images[place] for place in np.linspace(0, len(images) - 1, wanted).astype(int)]
    skeleton, drawn = inspection.skeleton(), []
    names = [inspection.images[image]["file_name"] for image in chosen]
    stems = [_drawing_stem(f"{i}_{Path(name).stem}") for i, name in zip(chosen, names, strict=True)]
    taken = {path.name.lower() for path in folder.iterdir()}
    pictures = result_files.picture_names(stems, taken)
    rows = list(zip(chosen, names, pictures, strict=True))
    for image, name, file in console.progress(rows, len(rows), "draw"):
        try:
            picture = read_image(photo_path(photos, name))
        except InputError as error:
            console.report(error)
            continue
        persons = inspection.persons.get(image, [])
        boxes = np.array([p.xywh for p in persons]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        points = np.array([p.keypoints for p in persons]).reshape(-1, skeleton.num_keypoints, 3)
        # Hidden keypoints are paler than visible ones.
        shown = np.choose(np.clip(points[..., 2], 0, 2).astype(int), (0.0, 0.25, 1.0))
        picture = drawing.people(picture, boxes, points[..., :2], shown, skeleton)
        drawn.append(folder / file)
        drawing.save(picture, drawn[-1])
    return drawn


def _drawing_stem(text: str) -> str:
    """A name within a folder, whatever a file calls its photos, without its suffix."""
    plain = "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in text)
    return plain[:60]


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)
