"""Find people in photos.

Writes a drawn picture DIR/<name>.png for every photo and DIR/poses.json, a list of COCO keypoint
results: image_id, file_name, category_id, keypoints (x, y, score for each, in pixels of the
photo), score, bbox (x, y, width, height) and box_score. Without SOURCE it runs on a public-domain
photo that comes with matplotlib. (Such are MultiPoseNet, figure 6, and RMPE, figure 8.)
"""

from pathlib import Path

from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.errors import InputError


def add_arguments(parser):
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="image file, folder of images or glob pattern"
    )
    parser.add_argument(
        "--out", default="multiposenet-out", metavar="DIR", help="folder (default: %(default)s)"
    )
    systems.add_model_arguments(parser)
    arguments.add_json_argument(parser)


def run(args) -> int:
    folder = result_files.writable_folder(args.out)
    result_files.writable_json(args.json)
    from multiposenet.sources import sample_photo

    paths, failures = _expand(args.sources or [sample_photo()])
    if not paths:
        return 2

    pose = systems.load_system(args)
    names, ids = picture_names(paths, folder), image_ids(paths)
    told = dict(zip(paths, file_names(paths), strict=True))
    results = []
    done = people = 0
    stream = console.progress(pose.stream(paths), len(paths), "predict")
    for name, image_id, item in zip(names, ids, stream, strict=True):
        if isinstance(item, InputError):
            console.report(item)
            failures += 1
            continue
        frame, poses = item
        poses.draw(folder / name, frame.image)
        results += poses.to_coco(image_id=image_id, file_name=told[frame.path])
        done += 1
        people += len(poses)
    if not done:
        return 2
    result_files.write_json(folder / "poses.json", results)
    if args.json:
        result_files.write_json(args.json, results)
    if args.json != "-":
        print(f"photos: {done}, people: {people}; pictures and poses.json in {folder}")
    return 1 if failures else 0


def _expand(sources) -> tuple[list[Path], int]:
    """All files of the sources, once each; unusable sources are reported and counted."""
    from multiposenet.sources import files

    paths, failures = {}, 0
    for source in sources:
        try:
            paths.update(dict.fromkeys(files(source)))
        except InputError as error:
            console.report(error)
            failures += 1
    return list(paths), failures


def picture_names(paths: list[Path], folder: Path) -> list[str]:
    """A different file name for the picture of each photo, `<stem>.png` where possible.

    Photos that are read from the output folder itself keep their names.
    """
    # Lower case: on some file systems A.png and a.png are one file.
    taken = {p.name.lower() for p in paths if p.resolve().parent == folder.resolve()}
    names = []
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
