"""Find the model, the runtime and the size that are worth their time on this machine.

Each setting sees the same photos, in turn, so that all share the machine's good moments. Cost is
the median of milliseconds a photo, from pixels to poses. Quality is COCO's keypoint AP where there
are --annotations. Without them it is agreement: the AP that a setting would have if what the first
model finds at the largest size were right.

A plot, a table, and a proposal: with --fps the best setting that is as fast, else the fastest that
lacks no more than 0.01 of the best quality.
"""

from pathlib import Path

from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError

SIZES = [256, 320, 384, 480, 576]
MODELS = ["multiposenet-nano", "multiposenet-lite0"]


def add_arguments(parser):
    parser.add_argument(
        "--photos", required=True, metavar="DIR", help="such as the model is to see; also a pattern"
    )
    parser.add_argument(
        "--annotations", metavar="FILE", help="COCO keypoint annotations of photos in --photos"
    )
    parser.add_argument(
        "--fps", type=_rate, metavar="N", help="frames a second that are to be reached"
    )
    parser.add_argument(
        "--models",
        type=lambda text: text.split(","),
        default=MODELS,
        metavar="LIST",
        help=f"models of the zoo, files or run folders (default: {','.join(MODELS)})",
    )
    parser.add_argument(
        "--runtimes",
        type=lambda text: text.split(","),
        metavar="LIST",
        help="of keras, openvino, openvino-bf16, onnx (default: those that are installed)",
    )
    parser.add_argument(
        "--sizes",
        type=lambda text: [arguments.side(part) for part in text.split(",")],
        default=SIZES,
        metavar="LIST",
        help=f"longer sides in pixels (default: {','.join(map(str, SIZES))})",
    )
    parser.add_argument(
        "--count",
        type=arguments.count,
        default=50,
        metavar="N",
        help="photos, evenly chosen (default: %(default)s)",
    )
    parser.add_argument(
        "--plot", default="tune.png", metavar="FILE", help="the picture (default: %(default)s)"
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    result_files.writable_json(args.plot, "--plot")
    from multiposenet.runtimes import exported

    runtimes = args.runtimes or exported.installed()
    for runtime in runtimes:
        exported.choose(runtime)
    labels, names, frames, failures = _photos(args)
    if not frames:
        return 2
    rows, found = [], {}
    for model in args.models:
        for row, poses in _measured(model, runtimes, args, labels, frames):
            rows.append(row)
            found[row["model"], row["runtime"], row["size"]] = poses
    quality = _judge(rows, found, labels, names)
    proposal = _propose(rows, args.fps)
    from multiposenet.training.figures import trade_off as figure

    figure.save(rows, quality, proposal, args.fps, args.plot)
    if args.json:
        about = {"photos": len(frames), "failed": failures, "quality": quality, "fps": args.fps}
        result_files.write_json(args.json, {**about, "proposal": proposal, "rows": rows})
    if args.json != "-":
        heads = ("model", "runtime", "size", "ms", "fps", "quality", "worthwhile")
        cells = [[_cell(row[head]) for head in heads] for row in rows]
        console.print_table([*heads[:5], quality, "worthwhile"], cells)
        console.say(_told(proposal, quality, args))
    return 1 if failures else 0


def _photos(args) -> tuple:
    """Labels or None, the photos' ids, their frames, and how many could not be read."""
    import numpy as np

    from multiposenet import label_formats
    from multiposenet.annotations import photo_path
    from multiposenet.sources import Frame, files, read_image, read_labelled

    labels = None
    if args.annotations:
        if not Path(args.photos).is_dir():
            raise InputError(f"{args.photos}: --photos: not a folder; name that of the photos")
        labels = label_formats.load(args.annotations)
        number = min(args.count, len(labels))
        labels = labels.select(np.linspace(0, len(labels) - 1, number).astype(int))
        listed = [
            (record.id, photo_path(args.photos, record.file_name), (record.height, record.width))
            for record in labels.images
        ]
    else:
        paths = files(args.photos)
        chosen = np.linspace(0, len(paths) - 1, min(args.count, len(paths))).astype(int)
        listed = [(place, paths[number], None) for place, number in enumerate(chosen)]
    names, frames, failures = [], [], 0
    for name, path, size in listed:
        try:
            image = read_labelled(path, size) if size else read_image(path)
        except InputError as error:
            console.report(error)
            failures += 1
            continue
        names.append(name)
        frames.append(Frame(image, str(path), path))
    return labels, names, frames, failures


def _measured(model, runtimes, args, labels, frames):
    """A row and what was found, of each runtime and size of a model."""
    import time

    import numpy as np

    from multiposenet import keras_start
    from multiposenet.commands.labelled.photos import check_skeleton
    from multiposenet.systems import estimator

    with console.notes(), keras_start.without_start_up_notes():
        loaded = {name: estimator.load(model, runtime=name) for name in runtimes}
    settings = [(runtime, size) for runtime in loaded for size in args.sizes]
    seconds, found = ({setting: [] for setting in settings} for _ in range(2))
    for frame in console.progress(frames, len(frames), model):
        for runtime, size in settings:
            pose = loaded[runtime]
            if labels is not None:
                check_skeleton(args, labels, pose.skeleton, "use another model")
            start = time.perf_counter()
            try:
                poses = pose(frame, size=size, score=0.0)
            except ValueError as error:  # a model of one fixed size
                raise InputError(f"{model}: --sizes: {error}") from error
            seconds[runtime, size].append(time.perf_counter() - start)
            found[runtime, size].append((poses, pose.score))
    for runtime, size in settings:
        ms = float(1000 * np.median(seconds[runtime, size]))
        about = {"model": str(model), "runtime": runtime, "size": size}
        yield {**about, "ms": ms, "fps": 1000 / ms}, found[runtime, size]


def _judge(rows, found, labels, names) -> str:
    """Adds `quality` and `worthwhile` to the rows; returns what quality is."""
    from multiposenet.evaluation import coco, trade_off

    quality = "keypoints/AP"
    if labels is None:
        first = (rows[0]["model"], rows[0]["runtime"], max(row["size"] for row in rows))
        reference = found[first]
        poses, score = [poses for poses, _ in reference], reference[0][1]
        labels = trade_off.as_labels(poses, poses[0].skeleton, score)
        if not len(labels.persons):
            raise InputError(
                f"--photos: {first[0]} finds nobody at {first[2]} pixels; give photos of people"
            )
        quality, names = f"agreement with {first[0]} at {first[2]}", range(len(poses))
    for row in rows:
        answers = found[row["model"], row["runtime"], row["size"]]
        results = [
            result
            for name, (poses, _) in zip(names, answers, strict=True)
            for result in poses.to_coco(name, labels.category_id, guesses=True)
        ]
        row["quality"] = coco.evaluate_keypoints(labels, results)["keypoints/AP"]
    if all(row["quality"] == -1 for row in rows):
        raise InputError("--annotations: nobody to be found; label some persons")
    columns = [[row[name] for row in rows] for name in ("ms", "quality")]
    for row, kept in zip(rows, trade_off.worthwhile(*columns), strict=True):
        row["worthwhile"] = bool(kept)
    return quality


def _propose(rows, fps) -> dict:
    from multiposenet.evaluation import trade_off

    columns = [[row[name] for row in rows] for name in ("ms", "quality")]
    return rows[trade_off.proposed(*columns, 1000 / fps if fps else None)]


def _told(row, quality, args) -> str:
    """The proposal in one line."""
    text = f"--model {row['model']} --runtime {row['runtime']} --size {row['size']}: "
    text += f"{quality} {row['quality']:.3f}, {row['ms']:.0f} ms a photo; {args.plot}"
    if args.fps and row["ms"] > 1000 / args.fps:
        return f"no setting reaches {args.fps:g} frames a second; the fastest is {text}"
    return f"proposal: {text}"


def _cell(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "-"
    return str(value) if isinstance(value, (str, int)) else f"{value:.3g}"


def _rate(text: str) -> float:
    import argparse

    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of frames a second")
    return value
