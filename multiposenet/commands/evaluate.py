"""Measure a model on annotated photos.

Reads COCO annotations (JSON, plain or .gz), runs the model over the photos and prints COCO's
figures, such as keypoints/AP, boxes/AP50 and masks/IoU, from 0 to 1; - stands where nobody is to be
found. A photo that cannot be read, or is not of the size that its labels are for, counts as one on
which nobody was found. Masks are PNG files of the photo's name (0 background,
1 person, 2 ignored), of the photos whose annotations say "mask": true; where there is no folder of
them they are the annotations' own polygons and run-length codes. Crowds, and the boxes of persons
without a segmentation, do not count then. A mask that cannot be used is left out.

--annotations may also be FORMAT:PATH, of a format of convert.

--metrics pck prints PCK@0.2 of the torso over the keypoints that the annotations share with the
model, each person answered for by the pose that overlaps the annotated box most. Skeletons
may differ.

--data mpii:FOLDER and waf:FOLDER are read as for `multiposenet train` and measured as these data
are: AP of keypoints, within half a head, of the people on a photo. Of MPII the photos of several
labelled persons are the groups, and those of one are measured by PCKh, the person answered for by
the pose that overlaps it most; MPII's own list of groups is not read.

Without --annotations it counts the people it finds: on photos without people, the false ones.

The measures are those of MultiPoseNet, tables 1, 2 and 5, and of RMPE, tables 1 to 4.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from multiposenet.commands import arguments, console, own_keypoints, result_files, systems
from multiposenet.commands.labelled import groups
from multiposenet.commands.labelled import photos as labelled_photos
from multiposenet.errors import AnnotationError, InputError

METRICS = ("keypoints", "boxes", "masks", "pck", *groups.PROTOCOLS)
MAIN = ("keypoints/AP50", "boxes/AP50", "masks/IoU", "mpii/total", "waf/total")


def add_arguments(parser):
    parser.add_argument("--annotations", metavar="FILE", help="COCO keypoint annotations")
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--images", metavar="DIR", help="folder of the photos")
    photos.add_argument(
        "--data",
        metavar="FORMAT:FOLDER",
        help="mpii:FOLDER or waf:FOLDER, labels and photos, measured as these are",
    )
    parser.add_argument(
        "--masks", metavar="DIR", help="folder of the person masks (default: masks beside --images)"
    )
    parser.add_argument(
        "--metrics",
        type=_metrics,
        metavar="LIST",
        help=f"some of {','.join(METRICS)} (default: of the first three what the annotations "
        "allow; of --data its own)",
    )
    parser.add_argument(
        "--skeleton",
        metavar="NAME|FILE",
        help="keypoints of annotations that name none, and the sigmas of those that name the same "
        "(default: the model's)",
    )
    systems.add_model_arguments(parser)
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    figures, photos, failures = _measure(args)
    # COCO's -1, for persons of a size that the labels do not have, is no figure.
    figures = {name: None if value == -1 else value for name, value in figures.items()}
    if args.json:
        result_files.write_json(
            args.json,
            {
                "system": args.system,
                "model": args.model,
                **systems.used(args),
                **figures,
                "photos": photos,
                "failed": failures,
            },
        )
    if args.json != "-":
        rows = [
            [name, "-" if value is None else f"{value:.4f}" if type(value) is float else str(value)]
            for name, value in figures.items()
        ]
        console.print_table([f"{args.model} on {photos - failures} photos", ""], rows)
    labelled = args.data or args.annotations
    doubts = _doubts(args, figures) if labelled and failures < photos else 0
    if failures == photos or doubts == 2:
        return 2
    return 1 if failures or doubts else 0


def _measure(args) -> tuple[dict, int, int]:
    """The figures, the number of photos, and of those that could not be read."""
    if args.data:
        return groups.score(args)
    for name in set(args.metrics or ()) & set(groups.PROTOCOLS):
        raise InputError(
            f"--metrics: {name} is measured on its own data; give --data {name}:FOLDER"
        )
    if not Path(args.images).is_dir():
        raise InputError(f"{args.images}: --images: not a folder; name the folder of the photos")
    return _score(args) if args.annotations else _count(args)


def _doubts(args, figures) -> int:
    """Reports figures that tell nothing; 2 if nobody was to be found, 1 if nothing matched."""
    main = [name for name in MAIN if name in figures]
    if main and all(figures[name] is None for name in main):
        labels = args.data or args.annotations
        console.report(f"{labels}: annotations: nobody to be found; label some persons")
        return 2
    if nothing := [name for name in main if figures[name] == 0]:
        console.report(
            f"{args.data or args.images}: {', '.join(nothing)}: nothing that was found matches a "
            "label; are the labels for these photos, and the areas right? multiposenet inspect "
            "tells"
        )
    return 1 if nothing else 0


def _score(args) -> tuple[dict, int, int]:
    """COCO's figures, the number of photos, and of those that could not be read."""
    annotations = _annotations(args)
    masks = Path(args.masks) if args.masks else Path(args.images).parent / "masks"
    measured = not args.metrics or "masks" in args.metrics
    labelled = _mask_files(annotations, masks) if measured else {}
    outlined = measured and not labelled and _outlined(annotations)
    metrics = args.metrics or ["keypoints", "boxes", *(["masks"] if labelled or outlined else [])]
    if "masks" in metrics and not (labelled or outlined):
        raise InputError(
            f"{masks}: masks: none for these annotations, which have no segmentations either; "
            "name their folder by --masks"
        )
    # Average precision ranks all detections: a threshold would only cut its tail off.
    pose = systems.load_system(args, score=0.0)
    if not args.skeleton and annotations.skeleton.keypoints == pose.skeleton.keypoints:
        annotations = replace(annotations, skeleton=pose.skeleton)  # and its sigmas
    if "keypoints" in metrics:
        own_keypoints.note_sigmas(annotations.skeleton)
        labelled_photos.check_skeleton(
            args, annotations, pose.skeleton, "use another model or --metrics boxes,masks,pck"
        )

    from multiposenet.evaluation import coco

    keypoints = _torso_pck(args, annotations, pose.skeleton) if "pck" in metrics else None
    results, overlap, failures, without = [], coco.MaskIoU(), 0, 0
    records = annotations.images
    for record, item in zip(
        records,
        labelled_photos.answers(pose, *labelled_photos.photos_of(args, records)),
        strict=True,
    ):
        poses = None if isinstance(item, InputError) else item[1]
        if poses is not None:
            results += poses.to_coco(record.id, annotations.category_id, guesses=True)
        usable = True
        if record.id in labelled:
            usable = _compare(overlap, poses, labelled[record.id], record)
        elif outlined:
            without += _compare_outlines(overlap, poses, record)
        failures += poses is None or not usable
        if keypoints:
            keypoints.update(record, poses)
    figures = {}
    if "keypoints" in metrics:
        figures |= coco.evaluate_keypoints(annotations, results)
    if "boxes" in metrics:
        figures |= coco.evaluate_boxes(annotations, results)
    if "masks" in metrics:
        figures |= overlap.result()
        if without:
            console.report(
                f"{args.annotations}: segmentation: {without:,} persons have none; their boxes "
                "do not count for masks/IoU"
            )
    if keypoints:
        figures |= keypoints.result()
    return figures, len(records), failures


def _annotations(args):
    """The annotations; areas that would make AP about 0 are reported."""
    from multiposenet import label_formats, skeleton
    from multiposenet.annotations import doubtful_areas

    given = skeleton.get(args.skeleton) if args.skeleton else None
    annotations = label_formats.load(args.annotations, given)
    if doubtful := int(doubtful_areas(annotations.persons).sum()):
        console.report(
            f"{args.annotations}: annotations.area: of {doubtful:,} of {len(annotations.persons):,}"
            " persons 1 or less, or below 1 % of the box: their OKS is about 0; "
            "multiposenet inspect --repair leaves such areas out"
        )
    return annotations


def _count(args) -> tuple[dict, int, int]:
    """People per photo, the number of photos, and of those that could not be read."""
    from multiposenet.sources import files

    if args.metrics or args.masks:
        raise InputError("--metrics, --masks: nothing to compare with; add --annotations")
    paths = files(args.images)
    people = [
        len(item[1])
        for item in labelled_photos.answers(systems.load_system(args), paths)
        if not isinstance(item, InputError)
    ]
    figures = {}
    if people:
        figures["people_per_photo"] = sum(people) / len(people)
        figures["photos_with_people"] = sum(count > 0 for count in people) / len(people)
    return figures, len(paths), len(paths) - len(people)


def _torso_pck(args, annotations, skeleton):
    from multiposenet.evaluation.pck import TorsoPCK

    try:
        return TorsoPCK(annotations.skeleton, skeleton)
    except ValueError as error:
        raise AnnotationError(
            f"{args.annotations}: {error}; use another model or other --metrics"
        ) from None


def _mask_files(annotations, folder: Path) -> dict[int, Path]:
    """Image id -> mask, of the photos that have one; empty if there is no such folder."""
    from multiposenet.annotations import mask_path

    if not folder.is_dir():
        return {}
    found = {
        record.id: mask_path(folder, record.file_name)
        for record in annotations.images
        if record.extra.get("mask")
    }
    if missing := [path for path in found.values() if not path.is_file()]:
        raise AnnotationError(
            f"{missing[0]}: mask: no such file, {len(missing)} missing in all; name the right "
            "folder by --masks, or measure without masks by --metrics keypoints,boxes"
        )
    return found


def _outlined(annotations) -> bool:
    """Whether some person has a segmentation."""
    crowd = annotations.persons.crowd.tolist()
    return any(annotations.segmentation(row) and not crowd[row] for row in range(len(crowd)))


def _compare_outlines(overlap, poses, record) -> int:
    """Adds a photo's segmentations to the figures; returns how many persons have none."""
    from multiposenet import segmentations

    outlines = list(zip(record.segmentations, record.crowd.tolist(), record.boxes, strict=True))
    truth = segmentations.person_mask(
        [outline for outline, crowd, _ in outlines if outline and not crowd],
        [outline for outline, crowd, _ in outlines if outline and crowd],
        (record.height, record.width),
        [box for outline, _, box in outlines if not outline],
    )
    if poses is not None and poses.mask is None:
        raise InputError(
            "--metrics: masks: this system finds none; leave them out: keypoints,boxes"
        )
    overlap.update(truth < 0 if poses is None else poses.mask, truth)  # labels are unsigned: nobody
    return sum(not outline and not crowd for outline, crowd, _ in outlines)


def _compare(overlap, poses, path: Path, record) -> bool:
    """Adds a photo's mask to the figures; if it cannot be used, reports why and returns False."""
    from multiposenet.sources import check_size, read_person_mask

    try:
        truth = read_person_mask(path)
        check_size(path, truth.shape, (record.height, record.width))
    except InputError as error:
        console.report(error)
        return False
    overlap.update(truth < 0 if poses is None else poses.mask, truth)  # labels are unsigned: nobody
    return True


def _metrics(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(METRICS):
        raise argparse.ArgumentTypeError(f"{sorted(unknown)[0]!r} is not one of {METRICS}")
    return chosen
