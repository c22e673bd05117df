"""Find people in photos.

Writes a drawn picture DIR/<name>.png for every photo and DIR/poses.json, a list of COCO keypoint
results: image_id, file_name, category_id, keypoints (x, y, score for each, in pixels of the
photo; 0, 0, 0 where one was not found), score, bbox (x, y, width, height) and box_score. Without
SOURCE it runs on a public-domain photo that comes with matplotlib.
(Such are MultiPoseNet, figure 6, and RMPE, figure 8.)

Of a video comes DIR/<name>.jsonl, a line for each frame (its number, its time in seconds, its
people with keypoints by name), and DIR/<name>.mp4, drawn, with the sound; Ctrl-C leaves both whole.

Whatever ends the run, poses.json has what was done shortly before, and --resume goes on from there.
A file in DIR that predict has not written, or that has been changed since, is not replaced: a
picture gets another number, and poses.json is refused.
"""

import contextlib
import errno
import functools
from pathlib import Path

from multiposenet import label_formats, overlapped
from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.commands.prediction import engines, parquet, photo_list
from multiposenet.commands.prediction.clip import predict_clip
from multiposenet.errors import InputError
from multiposenet.files import arrow
from multiposenet.systems.argument import share

# What no other photo would get over, either.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_DRAWERS = 2  # threads
LAYERS = ("mask", "boxes", "skeleton", "scores", "ids", "heatmaps")
PICTURES = ("png", "jpg", "webp", "none")
TABLES = "people.parquet and errors.parquet"


def add_arguments(parser):
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="image file, folder of images, glob pattern, address (https://) of an image; video "
        "file, numbered images (frames/%%06d.png), stream (rtsp://) or number of a camera; - reads "
        "an image from standard input",
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
        "--track", action="store_true", help="people of videos keep an id from frame to frame"
    )
    parser.add_argument(
        "--smooth", action="store_true", help="and their keypoints are smoothed; with --track"
    )
    parser.add_argument(
        "--every", type=arguments.count, default=1, metavar="N", help="of videos one frame in N"
    )
    for name, default in (("start", 0.0), ("end", None)):
        parser.add_argument(
            f"--{name}",
            type=arguments.seconds,
            default=default,
            metavar="TIME",
            help=f"{name} of videos: seconds, or hours, minutes and seconds as in 1:02:03",
        )
    parser.add_argument(
        "--pictures",
        choices=PICTURES,
        help="format of the drawn pictures; jpg is several times as fast (default: png)",
    )
    parser.add_argument(
        "--draw",
        type=arguments.layers(LAYERS),
        default=("mask", "boxes", "skeleton", "ids"),
        metavar="LIST",
        help=f"what is drawn, of {','.join(LAYERS)} (default: mask,boxes,skeleton,ids)",
    )
    parser.add_argument(
        "--keypoint-score",
        type=share,
        default=0.1,
        metavar="T",
        help="keypoints that score less are neither drawn nor, by --format, labelled (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=tuple(label_formats.FORMATS),
        help="write what was found as labels, too, into DIR/FORMAT, to be corrected by hand; "
        "convert --help says what the formats are",
    )
    parser.add_argument(
        "--parquet",
        action="store_true",
        help=f"write DIR/{TABLES}, too: a row a person, and one for each photo that failed; "
        "--engine ray always does",
    )
    engines.add_arguments(parser)
    systems.add_model_arguments(parser)
    arguments.add_json_argument(parser)


def run(args) -> int:
    from multiposenet.commands.prediction.folder import opened

    folder = result_files.writable_folder(args.out)
    result_files.writable_json(args.json)
    if args.end is not None and args.end <= args.start:
        raise InputError(f"--end: {args.end:g} s are not behind --start; give more")
    if args.smooth and not args.track:
        raise InputError("--smooth: is of people who are tracked; add --track")
    engines.check(args)
    ray = args.engine == engines.RAY
    args.pictures = args.pictures or ("none" if ray else PICTURES[0])
    args.parquet = args.parquet or ray
    if args.parquet:
        arrow.modules("--parquet")
    with opened(folder, args.overwrite) as out:
        clips, photos, failures = _sources(args, out)
        if clips and ray:
            raise InputError(f"{clips[0].source}: --engine: ray takes photos alone; leave it out")
        if not (photos or clips):
            return 2
        parts = [part for clip in clips for part in clip.parts()]
        parts += parquet.PARTS if args.parquet else []
        errors = []  # rows of their table
        waiting = out.plan(photos, _about(args), args.resume, parts)
        pose = systems.load_system(args)
        if "heatmaps" in args.draw and not hasattr(pose, "heatmaps"):
            raise InputError(
                "--draw: heatmaps: are of MultiPoseNet alone; leave them out, or --system, --tta, "
                "--ensemble and --refine"
            )
        try:
            failures += _predict(pose, [p for p in waiting if p not in parts], out, args, errors)
        except KeyboardInterrupt as error:
            if args.parquet:
                parquet.write(out, errors)
            out.close()
            if out.photos:
                error.args = (
                    f"{folder}: interrupted: {out.photos} of {len(photos)} photos are done, in "
                    "poses.json; go on with --resume",
                )
            raise
        videos = len(clips)
        clips = [clip for clip in clips if any(part in waiting for part in clip.parts())]
        done, failed = _predict_clips(pose, clips, out, args)
        if args.parquet:
            parquet.write(out, errors)
        if not (out.photos or done or (videos and not clips)):
            return 2
        out.close()
        if args.json:
            result_files.copy(out.results, args.json)
        labels = None
        if args.format and photos:
            from multiposenet.commands.prediction import label_files

            labels, without = label_files.write(
                args.format, out.results, photos, pose.skeleton, args.keypoint_score
            )
            failures += without
        if args.json != "-":
            for clip, one in done:
                files_of = " and ".join(part.picture for part in clip.parts())
                console.say(
                    f"{clip.source}: frames: {one.frames}, people: {one.people}; {files_of} in "
                    f"{folder}"
                )
            if photos:
                ways = "".join(f", {name} {value}" for name, value in systems.used(args).items())
                made = "poses.json" if args.pictures == "none" else "pictures and poses.json"
                made += f", {TABLES}" if args.parquet else ""
                made += f", labels in {labels}," if labels else ""
                told = f"photos: {out.photos}, people: {out.people}{ways}; {made} in {folder}"
                console.say(told)
    return 1 if failures + failed else 0


def _sources(args, out):
    """The videos, the photos, and how many sources could not be used."""
    from multiposenet import sources

    given = args.sources or [str(sources.sample_photo())]
    draws = args.pictures != "none"
    clips, given = photo_list.clips(given, out, draws)
    suffix = f".{args.pictures}" if draws else ".png"
    return clips, *photo_list.photos(given, out, suffix, args.recursive, args.all_pages)


def _predict_clips(pose, clips, out, args) -> tuple[list, int]:
    """Each video that gave something, with what it gave, and how much failed, all reported."""
    reading = {name: getattr(args, name) for name in ("every", "start", "end", "track", "smooth")}
    draw = functools.partial(_drawing, pose, args)
    done, failures = [], 0
    for clip in clips:
        try:
            one = predict_clip(pose, clip, args, out, draw, reading)
        except InputError as error:
            console.report(error)
            failures += 1
            continue
        done.append((clip, one))
        failures += one.failures
    return done, failures


def _predict(pose, photos, out, args, errors) -> int:
    """Draws and stores all photos; returns how many failed, each of which is reported.

    Args:
        pose: the system.
        photos: to be done.
        out: the `PredictionFolder`.
        args: the arguments.
        errors: gets a row of `result_tables` for each failure.
    """
    failures = 0
    draws = args.pictures != "none"
    if not photos:
        return failures
    if args.engine == engines.RAY:
        found = engines.on_ray(photos, args)
    else:
        found = _drawn(pose, photos, out, args)
    with found as results:
        for photo, result in zip(photos, results, strict=True):
            if isinstance(result, InputError):
                console.report(result)
                about = {"image_id": photo.image_id, "file_name": photo.file_name}
                errors.append(about | {"error": str(result)})
                failures += 1
                continue
            rows, advice = result
            out.add(photo, rows, drawn=draws)
            if advice:
                console.report(f"{photo}: {advice}")
    return failures


@contextlib.contextmanager
def _drawn(pose, photos, out, args):
    """Each photo's rows and advice, or its `InputError`; the picture is there by then."""
    with engines.local(pose, photos, args) as found:
        draw = functools.partial(_draw, pose, args)
        jobs = _claimed(photos, found, out, args.pictures != "none")
        # While the network sees a photo, the last ones are drawn.
        with contextlib.closing(overlapped.mapped(draw, jobs, _DRAWERS, 3)) as drawn:
            yield drawn


def _drawing(pose, args, frame, poses, path=None):
    """The drawing that the arguments ask for."""
    image, layers = frame.image, args.draw
    if "heatmaps" in layers:
        from multiposenet import drawing

        image = drawing.heatmap(image, pose.heatmaps(image))
        layers = [layer for layer in layers if layer != "heatmaps"]
    return poses.draw(path, image, layers=layers, min_score=args.keypoint_score)


def _claimed(photos, found, out, draws):
    """Each photo, what was found on it, and where its picture goes, None for none; or an error."""
    for photo, item in zip(photos, found, strict=True):
        path = None
        if draws and not isinstance(item, InputError):
            try:
                path = out.claim(photo)
            except InputError as error:
                item = error
        yield photo, item, path


def _draw(pose, args, job):
    """A photo's rows and advice, drawn; or the `InputError` that costs it."""
    photo, item, path = job
    if isinstance(item, InputError):
        return item
    from multiposenet import result_tables

    frame, poses = item
    try:
        rows = result_tables.rows_of(poses, photo.image_id, photo.file_name)
        if path:
            _drawing(pose, args, frame, poses, path)
    except Exception as error:  # depends on what is wrong with the poses, or with the disk
        if getattr(error, "errno", None) in _FATAL:
            raise
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        if isinstance(error, InputError):
            return InputError(f"{photo}: {error}")
        return InputError(
            f"{photo}: result: cannot be written ({reason:.200}); the other photos are done"
        )
    return rows, pose.advice(frame, poses)


def _about(args) -> dict:
    """What the results depend on besides the photos, as JSON has it."""
    from multiposenet import __version__
    from multiposenet.files.checksums import sha256_of

    apart = ("verb", "sources", "out", "json", "resume", "overwrite", "trust_saved_model")
    apart += ("recursive", "all_pages", "engine", "actors", "cpus", "parquet")
    given = {name: value for name, value in vars(args).items() if name not in apart}
    named = Path(args.model)
    known = (file for file in (named, named / "model.weights.h5") if file.is_file())
    weights = next(map(sha256_of, known), None)
    return {"version": __version__, **given, "weights": weights}
