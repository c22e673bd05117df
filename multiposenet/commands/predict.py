"""Find people in photos.

Writes a drawn picture DIR/<name>.png for every photo and DIR/poses.json, a list of COCO keypoint
results: image_id, file_name, category_id, keypoints (x, y, score for each, in pixels of the
photo), score, bbox (x, y, width, height) and box_score. Without SOURCE it runs on a public-domain
photo that comes with matplotlib. (Such are MultiPoseNet, figure 6, and RMPE, figure 8.)

Whatever ends the run, poses.json has what was done shortly before, and --resume goes on from there.
A file in DIR that predict has not written, or that has been changed since, is not replaced: a
picture gets another number, and poses.json is refused.
"""

import errno
from pathlib import Path

from multiposenet import files
from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.errors import InputError

# What no other photo would get over, either.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def add_arguments(parser):
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="image file, folder of images or glob pattern"
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
    systems.add_model_arguments(parser)
    arguments.add_json_argument(parser)


def run(args) -> int:
    from multiposenet.commands import prediction_folder

    folder = result_files.writable_folder(args.out)
    result_files.writable_json(args.json)
    with prediction_folder.opened(folder, args.overwrite) as out:
        photos, failures = _photos(args.sources, out)
        if not photos:
            return 2
        waiting = out.plan(photos, _about(args), args.resume)
        pose = systems.load_system(args)
        try:
            failures += _predict(pose, waiting, out)
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
            told = (
                f"photos: {out.photos}, people: {out.people}{ways}; pictures and poses.json in "
                f"{folder}"
            )
            console.say(told)
    return 1 if failures else 0


def _predict(pose, photos, out) -> int:
    """Draws and stores all photos; returns how many failed, each of which is reported."""
    stream = pose.stream([photo.path for photo in photos])
    failures = 0
    for photo, item in zip(photos, console.progress(stream, len(photos), "predict"), strict=True):
        try:
            _store(pose, photo, item, out)
        except InputError as error:
            console.report(error)
            failures += 1
    return failures


def _store(pose, photo, item, out) -> None:
    """One photo's drawing and results, or the `InputError` that costs it."""
    if isinstance(item, InputError):
        raise item
    frame, poses = item
    try:
        rows = poses.to_coco(image_id=photo.image_id, file_name=photo.file_name)
        files.json_text(rows, allow_nan=False)
        poses.draw(out.claim(photo), frame.image)
    except InputError:
        raise
    except Exception as error:  # depends on what is wrong with the poses, or with the disk
        if getattr(error, "errno", None) in _FATAL:
            raise
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise InputError(
            f"{photo.path}: result: cannot be written ({reason:.200}); the other photos are done"
        ) from error
    out.add(photo, rows)
    if advice := pose.advice(frame, poses):
        console.report(f"{photo.path}: {advice}")


def _photos(sources, out) -> tuple[list, int]:
    """All photos of the sources, once each; what cannot be used is reported and counted."""
    from multiposenet import sources as inputs
    from multiposenet.commands.prediction_folder import Photo

    found, failures = {}, 0
    for source in sources or [inputs.sample_photo()]:
        try:
            paths = inputs.files(source)
            if not inputs.is_single(source):  # the drawings of an earlier run are no photos
                paths = [path for path in paths if not out.owns(path)]
            found.update(dict.fromkeys(paths))
        except InputError as error:
            console.report(error)
            failures += 1
    paths = [path for path in found if _is_text(path)]
    for path in found.keys() - paths:
        console.report(f"{path}: name: is not UTF-8, which results are; rename the file")
    here = out.folder.resolve()
    taken = {path.name.lower() for path in paths if path.resolve().parent == here}
    names = picture_names(paths, taken | out.foreign_names())
    rows = zip(paths, image_ids(paths), file_names(paths), names, strict=True)
    return [Photo(*row) for row in rows], failures + len(found) - len(paths)


def _is_text(path: Path) -> bool:
    try:
        return bool(str(path.absolute()).encode())
    except UnicodeEncodeError:
        return False


def _about(args) -> dict:
    """What the results depend on besides the photos, as JSON has it."""
    from multiposenet import __version__
    from multiposenet.checksums import sha256_of

    apart = ("verb", "sources", "out", "json", "resume", "overwrite", "trust_saved_model")
    given = {name: value for name, value in vars(args).items() if name not in apart}
    weights = sha256_of(args.model) if Path(args.model).is_file() else None
    return {"version": __version__, **given, "weights": weights}


def picture_names(paths: list[Path], taken: set[str]) -> list[str]:
    """A different file name for the picture of each photo, `<stem>.png` where possible.

    Args:
        paths: of the photos.
        taken: names in lower case that none may get.
    """
    # Lower case: on some file systems A.png and a.png are one file.
    taken, names = set(taken), []
    for path in paths:
        name, number = f"{path.stem}.png", 1
        while name.lower() in taken:
            number += 1
            name = f"{path.stem}-{number}.png"
        taken.add(name.lower())
        names.append(name)
    return names


def file_names(paths: list[Path]) -> list[str]:
    """The names of the photos, with as many folders as all need to be told apart."""
    parts = [path.absolute().parts for path in paths]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [path.as_posix() for path in paths]  # one photo by several links


def image_ids(paths: list[Path]) -> list[int]:
    """The numbers the files are named by if all are, and differ (COCO's photos); else 1, 2, ..."""
    stems = [path.stem for path in paths]
    if all(stem.isascii() and stem.isdecimal() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(paths) + 1))
