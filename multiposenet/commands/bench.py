"""Measure frames per second against the number of people in the image.

From an image array to finished poses, pre- and post-processing included, one image at a time. The
image shows one photo of a person (--photo) as often as there are to be people. `network` is the
bare backbone with its pyramids and subnets, `total / network` what finding and grouping people
costs on top. All are timed in turn, round after round; the figures are medians.
"""

import argparse

from multiposenet.commands import output, summary


def add_arguments(parser):
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME|FILE",
        help="a model of the zoo, a weights file, or an architecture that `multiposenet summary` "
        "knows, with random weights (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=output.size,
        default=(384, 512),
        metavar="HxW",
        help="of the image and of the network's input; multiples of 32 (default: 384x512, which a "
        "4:3 photo becomes at 480 pixels)",
    )
    parser.add_argument(
        "--people",
        type=_counts,
        default=[1, 3, 20],
        metavar="LIST",
        help="numbers of people (default: 1,3,20)",
    )
    parser.add_argument(
        "--rounds", type=_count, default=20, metavar="N", help="timed runs (default: %(default)s)"
    )
    parser.add_argument("--photo", metavar="FILE", help="of one person (default: a sample photo)")
    output.add_json_argument(parser)


def run(args) -> int:
    output.writable_json(args.json)
    from multiposenet.sources import read_image, sample_photo

    person = read_image(args.photo or sample_photo())
    pose = load_estimator(args.model, image_size=max(args.size))
    rows = measure(pose, person, args.size, args.people, args.rounds)
    if args.json:
        size = f"{args.size[0]}x{args.size[1]}"
        output.write_json(args.json, {"model": args.model, "size": size, "rows": rows})
    if args.json != "-":
        names = ("people", "found", "fps", "total_ms", "spread_ms", "network_ms", "ratio")
        body = [[f"{row[name]:.4g}" for name in names] for row in rows]
        output.print_table([name.replace("_", " ") for name in names], body)
    return 0


def measure(pose, person, size_hw, people, rounds) -> list[dict]:
    """Times an `Estimator` on composed images.

    Args:
        pose: the `Estimator`, of a `MultiPoseNet`.
        person: (h, w, 3) uint8 photo of one person.
        size_hw: (H, W) of the images.
        people: numbers of people.
        rounds: timed runs of each.

    Returns:
        For each number a row: `people`, `found` (by this model at its threshold), `fps`,
        `total_ms`, `spread_ms` (between the quartiles), `network_ms` and their `ratio`, the median
        over rounds.
    """
    import numpy as np

    from multiposenet.estimator import compiled
    from multiposenet.evaluation import speed

    images = {count: speed.crowd(person, count, size_hw) for count in people}
    bare = compiled(pose.model.network())
    batch = images[people[0]][None].astype(np.float32)
    functions = {count: lambda image=image: pose(image) for count, image in images.items()}
    seconds = speed.interleaved({"network": lambda: bare(batch), **functions}, rounds)
    rows = []
    for count, image in images.items():
        total = np.median(seconds[count])
        low, high = np.percentile(seconds[count], (25, 75))
        rows.append(
            {
                "people": count,
                "found": len(pose(image)),
                "fps": float(1 / total),
                "total_ms": float(1000 * total),
                "spread_ms": float(1000 * (high - low)),
                "network_ms": float(1000 * np.median(seconds["network"])),
                "ratio": float(np.median(seconds[count] / seconds["network"])),
            }
        )
    return rows


def load_estimator(name: str, **options):
    """A model of the zoo, a weights file, or an architecture of `summary` with random weights."""
    output.import_keras()
    from multiposenet import estimator, zoo
    from multiposenet.systems.multiposenet import MultiPoseNet

    if name in summary.BACKBONES and name not in zoo.names():
        return estimator.Estimator(MultiPoseNet(summary.BACKBONES[name]), **options)
    return estimator.load(name, **options)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)
