"""Find people in photos.

Writes a drawn picture DIR/<name>.png for every photo and DIR/poses.json, a list of COCO keypoint
results: image_id, file_name, category_id, keypoints (x, y, score for each, in pixels of the
photo; 0, 0, 0 where one was not found), score, bbox (x, y, width, height) and box_score. Without
SOURCE it runs on a public-domain photo that comes with matplotlib.
(Such are MultiPoseNet, figure 6, and RMPE, figure 8.)

Whatever ends the run, poses.json has what was done shortly before, and --resume goes on from there.
A file in DIR that predict has not written, or that has been changed since, is not replaced: a
picture gets another number, and poses.json is refused.
"""

import argparse
import contextlib
import errno
import functools
from pathlib import Path

from multiposenet import files, overlapped
from multiposenet.commands import arguments, console, photo_list, result_files, systems
from multiposenet.errors import InputError
from multiposenet.systems.argument import share

# What no other photo would get over, either.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_DRAWERS = 2  # threads
LAYERS = ("mask", "boxes", "skeleton", "scores", "heatmaps")
PICTURES = ("png", "jpg", "webp", "none")


def add_arguments(parser):
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="image file, folder of images, glob pattern, address (https://) of an image; - reads "
        "one from standard input",
    )
    parser.add_argument(
        "--out", default="multiposenet-out", metavar="DIR", help="folder (default: %(default)s)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep what an interrupted run has left in DIR"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files in DIR that predict has not written"
    )
    parser.add_argument(
        "--recursive", action="store_true", help="search the sub-folders of folders, too"
    )
    parser.add_argument(
        "--all-pages", action="store_true", help="every page of a TIFF, every frame of a GIF"
    )
    parser.add_argument(
        "--pictures",
        choices=PICTURES,
        default=PICTURES[0],
        help="format of the drawn pictures; jpg is several times as fast (default: %(default)s)",
    )
    parser.add_argument(
        "--draw",
        type=_layers,
        default=("mask", "boxes", "skeleton"),
        metavar="LIST",
        help=f"what is drawn, of {','.join(LAYERS)} (default: mask,boxes,skeleton)",
    )
    parser.add_argument(
        "--keypoint-score",
        type=share,
        default=0.1,
        metavar="T",
        help="keypoints that score less are not drawn (default: %(default)s)",
    )
    systems.add_model_arguments(parser)
    arguments.add_json_argument(parser)


def run(args) -> int:
    from multiposenet.commands import prediction_folder

    folder = result_files.writable_folder(args.out)
    result_files.writable_json(args.json)
    draws = args.pictures != "none"
    with prediction_folder.opened(folder, args.overwrite, draws) as out:
        photos, failures = _photos(args, out)
        if not photos:
            return 2
        waiting = out.plan(photos, _about(args), args.resume)
        pose = systems.load_system(args)
        if "heatmaps" in args.draw and not hasattr(pose, "heatmaps"):
            raise InputError(
                "--draw: heatmaps: are of MultiPoseNet alone; leave them out, or --system, --tta, "
                "--ensemble and --refine"
            )
        try:
            failures += _predict(pose, waiting, out, args)
        except KeyboardInterrupt as error:
            out.close()
            if out.photos:
                error.args = (
                    f"{folder}: interrupted: {out.photos} of {len(photos)} photos are done, in "
                    "poses.json; go on with --resume",
                )
            raise
        if not out.photos:
            return 2
        out.close()
        if args.json:
            result_files.copy(out.results, args.json)
        if args.json != "-":
            ways = "".join(f", {name} {value}" for name, value in systems.used(args).items())
            made = "pictures and poses.json" if draws else "poses.json"
            told = f"photos: {out.photos}, people: {out.people}{ways}; {made} in {folder}"
            console.say(told)
    return 1 if failures else 0


def _photos(args, out):
    from multiposenet import sources

    given = args.sources or [str(sources.sample_photo())]
    suffix = f".{args.pictures}" if out.draws else ".png"
    return photo_list.photos(given, out, suffix, args.recursive, args.all_pages)


def _predict(pose, photos, out, args) -> int:
    """Draws and stores all photos; returns how many failed, each of which is reported."""
    # While the network sees a photo, the next ones are read and the last ones drawn.
    with contextlib.closing(overlapped.ahead(photo_list.frames(photos))) as frames:
        found = console.progress(pose.stream(frames), len(photos), "predict")
        draw = functools.partial(_draw, pose, args)
        failures = 0
        for photo, result in overlapped.mapped(draw, _claimed(photos, found, out), _DRAWERS, 3):
            if isinstance(result, InputError):
                console.report(result)
                failures += 1
                continue
            rows, advice = result
            out.add(photo, rows)
            if advice:
                console.report(f"{photo}: {advice}")
    return failures


def _claimed(photos, found, out):
    """Each photo, what was found on it, and where its picture goes, None for none; or an error."""
    for photo, item in zip(photos, found, strict=True):
        path = None
        if not isinstance(item, InputError) and out.draws:
            try:
                path = out.claim(photo)
            except InputError as error:
                item = error
        yield photo, item, path


def _draw(pose, args, job):
    """A photo with its rows and advice, drawn; or with the `InputError` that costs it."""
    photo, item, path = job
    if isinstance(item, InputError):
        return photo, item
    frame, poses = item
    try:
        rows = poses.to_coco(image_id=photo.image_id, file_name=photo.file_name)
        files.json_text(rows, allow_nan=False)
        if path:
            image, layers = frame.image, args.draw
            if "heatmaps" in layers:
                from multiposenet import drawing

                image = drawing.heatmap(image, pose.heatmaps(image))
                layers = [layer for layer in layers if layer != "heatmaps"]
            poses.draw(path, image, layers=layers, min_score=args.keypoint_score)
    except Exception as error:  # depends on what is wrong with the poses, or with the disk
        if getattr(error, "errno", None) in _FATAL:
            raise
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return photo, InputError(
            f"{photo}: result: cannot be written ({reason:.200}); the other photos are done"
        )
    return photo, (rows, pose.advice(frame, poses))


def _about(args) -> dict:
    """What the results depend on besides the photos, as JSON has it."""
    from multiposenet import __version__
    from multiposenet.checksums import sha256_of

    apart = ("verb", "sources", "out", "json", "resume", "overwrite", "trust_saved_model")
    apart += ("recursive", "all_pages")
    given = {name: value for name, value in vars(args).items() if name not in apart}
    named = Path(args.model)
    known = (file for file in (named, named / "model.weights.h5") if file.is_file())
    weights = next(map(sha256_of, known), None)
    return {"version": __version__, **given, "weights": weights}


def _layers(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(LAYERS):
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is not one of {', '.join(LAYERS)}")
    return chosen
