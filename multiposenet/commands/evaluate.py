"""Measure a model on annotated photos.

Reads COCO annotations (JSON, plain or .gz), runs the model over the photos and prints COCO's
figures, such as keypoints/AP, boxes/AP50 and masks/IoU, from 0 to 1. A photo that cannot be read
counts as one on which nobody was found. Masks are PNG files of the photo's name (0 background,
1 person, 2 ignored); only photos whose annotations say "mask": true have one.

--metrics pck prints PCK@0.2 of the torso over the joints that the annotations share with the model,
each person answered for by the pose that overlaps the annotated box most. Skeletons may differ.

Without --annotations it counts the people it finds: on photos without people, the false ones.

The measures are those of MultiPoseNet, tables 1, 2 and 5, and of RMPE, table 4.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from multiposenet.commands import output
from multiposenet.errors import AnnotationError, InputError

METRICS = ("keypoints", "boxes", "masks", "pck")


def add_arguments(parser):
    parser.add_argument("--annotations", metavar="FILE", help="COCO keypoint annotations")
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of the photos")
    parser.add_argument(
        "--masks", metavar="DIR", help="folder of the person masks (default: masks beside --images)"
    )
    parser.add_argument(
        "--metrics",
        type=_metrics,
        metavar="LIST",
        help=f"some of {','.join(METRICS)} (default: all but pck that the annotations allow)",
    )
    output.add_model_arguments(parser)
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    if not Path(args.images).is_dir():
        raise InputError(f"{args.images}: --images: not a folder; name the folder of the photos")
    figures, photos, failures = _score(args) if args.annotations else _count(args)
    if args.json:
        output.write_json(
            args.json,
            {
                "system": args.system,
                "model": args.model,
                **figures,
                "photos": photos,
                "failed": failures,
            },
        )
    if args.json != "-":
        rows = [
            [name, f"{value:.4f}" if isinstance(value, float) else str(value)]
            for name, value in figures.items()
        ]
        output.print_table([f"{args.model} on {photos - failures} photos", ""], rows)
    if failures == photos:
        return 2
    return 1 if failures else 0


def _score(args) -> tuple[dict, int, int]:
    """COCO's figures, the number of photos, and of those that could not be read."""
    from multiposenet.annotations import CocoAnnotations

    annotations = CocoAnnotations.load(args.annotations)
    masks = Path(args.masks) if args.masks else Path(args.images).parent / "masks"
    labelled = _mask_files(annotations, masks)
    metrics = args.metrics or ["keypoints", "boxes", *(["masks"] if labelled else [])]
    if "masks" in metrics and not labelled:
        raise InputError(
            f"{masks}: masks: none for these annotations; name their folder by --masks"
        )
    # Average precision ranks all detections: a threshold would only cut its tail off.
    pose = output.load_system(args, score=0.0)
    if "keypoints" in metrics:
        check_skeleton(
            args, annotations, pose.skeleton, "use another model or --metrics boxes,masks,pck"
        )

    from multiposenet.evaluation import coco
    from multiposenet.sources import read_person_mask

    joints = _torso_pck(args, annotations, pose.skeleton) if "pck" in metrics else None
    results, overlap, failures = [], coco.MaskIoU(), 0
    records = annotations.images
    paths = [Path(args.images) / record.file_name for record in records]
    for record, item in zip(records, answers(pose, paths), strict=True):
        truth = read_person_mask(labelled[record.id]) if record.id in labelled else None
        poses = None if isinstance(item, InputError) else item[1]
        if poses is None:
            failures += 1
            found = None if truth is None else truth < 0  # nobody anywhere: labels are unsigned
        else:
            results += poses.to_coco(record.id, annotations.category_id)
            found = poses.mask
        if truth is not None:
            _compare(overlap, found, truth, labelled[record.id])
        if joints:
            joints.update(record, poses)
    figures = {}
    if "keypoints" in metrics:
        figures |= coco.evaluate_keypoints(annotations, results)
    if "boxes" in metrics:
        figures |= coco.evaluate_boxes(annotations, results)
    if "masks" in metrics:
        figures |= overlap.result()
    if joints:
        figures |= joints.result()
    return figures, len(paths), failures


def _count(args) -> tuple[dict, int, int]:
    """People per photo, the number of photos, and of those that could not be read."""
    from multiposenet.sources import files

    if args.metrics or args.masks:
        raise InputError("--metrics, --masks: nothing to compare with; add --annotations")
    paths = files(args.images)
    people = [
        len(item[1])
        for item in answers(output.load_system(args), paths)
        if not isinstance(item, InputError)
    ]
    figures = {}
    if people:
        figures["people_per_photo"] = sum(people) / len(people)
        figures["photos_with_people"] = sum(count > 0 for count in people) / len(people)
    return figures, len(paths), len(paths) - len(people)


def check_skeleton(args, annotations, skeleton, remedy: str) -> None:
    """Raises `AnnotationError` if a model's joints are not those of the annotations."""
    if annotations.skeleton.keypoints != skeleton.keypoints:
        raise AnnotationError(
            f"{args.annotations}: keypoints: are those of {annotations.skeleton.name}, the model "
            f"finds {skeleton.name}; {remedy}"
        )


def _torso_pck(args, annotations, skeleton):
    from multiposenet.evaluation.pck import TorsoPCK

    try:
        return TorsoPCK(annotations.skeleton, skeleton)
    except ValueError as error:
        raise AnnotationError(
            f"{args.annotations}: {error}; use another model or other --metrics"
        ) from None


def answers(pose, paths: list[Path]) -> Iterator:
    """For each path, in order, its frame and poses, or its error, which is reported too."""
    from multiposenet.sources import Frame, read_image

    def frames():
        # Not `pose.stream(paths)`: a missing "[1].jpg" would be taken for a glob pattern, and the
        # answers have to stay in step with the annotations.
        for path in paths:
            try:
                yield Frame(read_image(path), str(path), path)
            except InputError as error:
                yield error

    for item in output.progress(pose.stream(frames()), len(paths), "evaluate"):
        if isinstance(item, InputError):
            output.report(item)
        yield item


def _mask_files(annotations, folder: Path) -> dict[int, Path]:
    """Image id -> mask, of the photos that have one; empty if there is no such folder."""
    if not folder.is_dir():
        return {}
    found = {
        record.id: folder / Path(record.file_name).with_suffix(".png").name
        for record in annotations.images
        if record.extra.get("mask")
    }
    if missing := [path for path in found.values() if not path.is_file()]:
        raise AnnotationError(
            f"{missing[0]}: mask: no such file, {len(missing)} missing in all; name the right "
            "folder by --masks, or measure without masks by --metrics keypoints,boxes"
        )
    return found


def _compare(overlap, found, truth, path: Path) -> None:
    if found.shape != truth.shape:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (truth.shape, found.shape)]
        raise AnnotationError(
            f"{path}: mask: {sizes[0]} pixels, its photo {sizes[1]}; scale it to the photo"
        )
    overlap.update(found, truth)


def _metrics(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(METRICS):
        raise argparse.ArgumentTypeError(f"{sorted(unknown)[0]!r} is not one of {METRICS}")
    return chosen
