"""A clip of real photos through `predict`: frames a second beside the network's own, and memory.

    python benchmarks/clip.py coco_photos/test --seconds 20
    python benchmarks/clip.py coco_photos/test --memory
    python benchmarks/clip.py coco_photos/test --parts

The clip has 25 frames of 1280 x 720 a second: the view pans and zooms over photos side by side,
while two people, cut out by their masks, cross before them. `--memory` compares the peak of a
process that goes through 5 s with that of one that goes through 60 s. `--parts` gives the time of
the processors for each part of the work, one after the other; other work beside hardly matters.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from process_memory import megabytes

import multiposenet
from multiposenet import formats, overlapped, sources
from multiposenet.annotations import CocoAnnotations
from multiposenet.video.writer import VideoWriter

RATE, SIZE = 25, (720, 1280)
KINDS = ("one by one", "in lanes")  # of `rates_of`


def write(path, folder, seconds):
    """Writes the clip; returns its frames."""
    annotations = CocoAnnotations.load(folder / "annotations.json")
    images = [record for record in annotations.images if len(record.boxes)][:12]
    photos = [sources.read_image(folder / "photos" / record.file_name) for record in images]
    wall = np.concatenate([_of_height(photo, 900) for photo in photos], axis=1)
    walkers = [_cut_out(folder, record) for record in _whole(annotations)[:2]]
    count = int(seconds * RATE)
    video = VideoWriter(path, RATE)
    for frame in range(count):
        share = frame / (20 * RATE)  # of the way, which takes 20 s there and 20 s back
        share = 1 - abs(1 - share % 2)
        scale = 1.15 - 0.15 * np.cos(share * 9)
        height, width = (int(side / scale * 1.15) for side in SIZE)
        left, top = int(share * (wall.shape[1] - width)), (900 - height) // 2
        view = cv2.resize(wall[top : top + height, left : left + width], SIZE[::-1])
        for (picture, alpha), place in zip(
            walkers, (share * 5 % 1, 1 - share * 5 % 1), strict=True
        ):
            _paste(view, picture, alpha, int(place * (SIZE[1] - picture.shape[1])))
        video.write(view, frame / RATE)
    video.close()
    return count


def _of_height(photo, height):
    return cv2.resize(photo, (round(photo.shape[1] * height / photo.shape[0]), height))


def _whole(annotations):
    """Photos of one standing person who is seen from head to foot."""
    records = [record for record in annotations.images if len(record.boxes) == 1]
    seen = [((record.keypoints[0, :, 2] > 0).sum(), record) for record in records]
    return [record for count, record in sorted(seen, key=lambda pair: -pair[0])]


def _cut_out(folder, record):
    mask = cv2.imread(str(folder / "masks" / f"{Path(record.file_name).stem}.png"), 0)
    x1, y1, x2, y2 = record.boxes[0].astype(int)
    photo = sources.read_image(folder / "photos" / record.file_name)
    return (
        _of_height(photo[y1:y2, x1:x2], 520),
        _of_height((mask[y1:y2, x1:x2] > 0).astype(np.float32), 520)[..., None],
    )


def _paste(view, picture, alpha, left):
    part = view[-picture.shape[0] :, left : left + picture.shape[1]]
    part[:] = (alpha * picture + (1 - alpha) * part).astype(np.uint8)


def network_alone(pose, path, seconds):
    """`rates_of` on a canvas of the clip."""
    frame = next(sources.frames(str(path)))
    return rates_of(pose, list(pose.canvases([frame])), seconds)


def rates_of(pose, canvases, seconds):
    """Images a second of the network alone, on canvases that are there.

    One after the other, and as many at a time as its runtime has lanes, as `predict` runs it.
    """

    def rate(find, lanes):
        for canvas in canvases:
            find(canvas)
        count, begin = 0, time.monotonic()
        in_time = itertools.takewhile(
            lambda _: time.monotonic() < begin + seconds, itertools.cycle(canvases)
        )
        for _ in overlapped.mapped(find, in_time, lanes, lanes - 1):
            count += 1
        return count / (time.monotonic() - begin)

    return np.array([rate(pose._find, 1), rate(pose._find_many, pose.model.lanes)])


def whole(path, *options):
    """Seconds from the first frame on and peak memory in MB of `predict`, in its own process."""
    with tempfile.TemporaryDirectory() as out:
        given = ["predict", str(path), "--out", out, *options]
        command = [sys.executable, __file__, "--inside", json.dumps(given)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def beside(rate, alone):
    """A line that compares a rate with those of the network alone."""
    ratios = (
        f"{network:.2f} {kind}: {rate / network:.2f}"
        for network, kind in zip(alone, KINDS, strict=True)
    )
    return f"{rate:.2f}/s; network " + ", ".join(ratios)


def parts(pose, path, count):
    """Milliseconds of processor time a frame of each part of `predict`, by its name.

    The network sees each frame once, and what it gave is what the other parts get.
    """
    spent = {}

    def measured(name, results):
        begin = time.process_time()
        results = list(results)
        spent[name] = (time.process_time() - begin) / count * 1000
        return results

    frames = measured("decoding", itertools.islice(sources.frames(str(path)), count))
    canvases = [canvas for frame in frames for canvas in pose.canvases([frame])]
    find, pose._lanes = pose._find_many, 1
    find(canvases[0])
    outputs = iter(measured("network", map(find, canvases)))
    pose._find = lambda canvas: next(outputs)
    found = measured("canvas, poses, mask", pose.stream(frames))
    measured("lines", (json.dumps(formats.frame_line(*item)) for item in found))
    pictures = measured("drawing", (poses.draw(image=frame.image) for frame, poses in found))
    video = VideoWriter(path.with_name("drawn.mp4"), RATE)
    measured("encoding", map(video.write, pictures, (frame.time for frame in frames)))
    video.close()
    people = np.mean([len(poses) for _, poses in found])
    print(f"people a frame: {people:.1f}")
    for name, milliseconds in spent.items():
        print(f"{name}: {milliseconds:.1f} ms")
    others = sum(spent.values()) - spent["network"]
    for kind, less in (("drawn", 0), ("not drawn", spent["drawing"] + spent["encoding"])):
        print(
            f"{kind}: network / all = {spent['network'] / (spent['network'] + others - less):.2f}"
        )


def inside(command):
    """Runs a command line and prints its seconds and its memory."""
    from multiposenet import cli
    from multiposenet.systems.system import System

    times = []
    stream = System.stream

    def timed(self, *arguments, **named):
        times.append(time.monotonic())
        yield from stream(self, *arguments, **named)

    System.stream = timed
    status = cli.main(command)
    seconds = time.monotonic() - times[0]
    print(json.dumps({"status": status, "seconds": seconds, "peak": megabytes("VmHWM")}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="photos/, masks/, annotations.json")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--runtime", default="onnx")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        return inside(json.loads(args.inside))
    runtime = ("--runtime", args.runtime)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        if args.memory:
            for seconds in (5, 60):
                write(path, args.folder, seconds)
                print(f"{seconds} s: peak {whole(path, *runtime)['peak']:.0f} MB")
            return None
        count = write(path, args.folder, args.seconds)
        pose = multiposenet.load("multiposenet-nano", runtime=args.runtime)
        if args.parts:
            return parts(pose, path, min(count, 60))  # all are held
        for kind, more in (("drawn", ()), ("not drawn", ("--pictures", "none"))):
            before = network_alone(pose, path, 8)
            rate = count / whole(path, *runtime, *more)["seconds"]
            print(f"{kind}:", beside(rate, (before + network_alone(pose, path, 8)) / 2), flush=True)
    return None


if __name__ == "__main__":
    main()
