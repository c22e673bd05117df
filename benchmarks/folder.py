"""A folder of photos through `predict`: photos a second beside the network's own, memory, and how
well two short runs predict a long one.

    python benchmarks/folder.py coco_photos/train/photos --count 1000

The network's rate is that on the canvases of the same photos, measured before and behind each run.
The model of docs/scale.md, seconds = start + photos x each, is fitted to runs of an eighth and a
quarter of the photos and compared with the run of all.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from clip import beside, rates_of, whole

import multiposenet
from multiposenet import sources

SAMPLE = 40  # photos whose canvases the network's rate is measured on


def linked(paths, folder):
    """A folder with links to the photos."""
    folder.mkdir()
    for path in paths:
        (folder / path.name).symlink_to(path.resolve())
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--pictures", nargs="+", default=["none", "jpg", "png"])
    parser.add_argument("--runtime", default="onnx")
    args = parser.parse_args()
    paths = sorted(args.photos.iterdir())[: args.count]
    pose = multiposenet.load("multiposenet-nano", runtime=args.runtime)
    some = [sources.one_frame(str(path)) for path in paths[:: max(1, len(paths) // SAMPLE)]]
    canvases = list(pose.canvases(some))
    with tempfile.TemporaryDirectory() as work:
        parts = {
            count: linked(paths[:count], Path(work) / str(count))
            for count in (len(paths) // 8, len(paths) // 4, len(paths))
        }
        for pictures in args.pictures:
            options = ("--runtime", args.runtime, "--pictures", pictures)
            runs, rates = {}, [rates_of(pose, canvases, 5)]
            for count, folder in parts.items():
                runs[count] = whole(folder, *options)
                rates.append(rates_of(pose, canvases, 5))
            (few, more, all_of) = parts
            each = (runs[more]["seconds"] - runs[few]["seconds"]) / (more - few)
            start = runs[few]["seconds"] - few * each
            rate, network = all_of / runs[all_of]["seconds"], np.mean(rates[-2:], axis=0)
            told = start + each * all_of
            long, short = runs[all_of], runs[few]
            print(
                f"{pictures}: {beside(rate, network)}",
                f"peak {short['peak']:.0f} MB of {few} photos, {long['peak']:.0f} of {all_of}",
                f"{start:.2f} s + {1000 * each:.1f} ms a photo tell {told:.1f} s, were "
                f"{long['seconds']:.1f}: {told / long['seconds']:.2f}",
                sep="; ",
                flush=True,
            )


if __name__ == "__main__":
    main()
