"""One estimator for a long time: in many threads, and its memory over many photos.

    python benchmarks/endurance.py threads --runtime keras,openvino,onnx --seconds 60
    python benchmarks/endurance.py memory --runtime openvino,onnx --calls 2000

`threads` compares every answer with the one that a single thread gets. `memory` gives photos of
many sizes and prints the resident memory at each quarter of the calls; by the first one, all shapes
have been seen. --model may name exported files, one for each runtime.
"""

import argparse
import sys
import threading
import time

import numpy as np
from process_memory import megabytes

import multiposenet
from multiposenet.sources import read_image, sample_photo


def photos(count):
    """Cuts of the sample photo, all of different sizes."""
    image, rng = read_image(sample_photo()), np.random.default_rng(0)
    height, width = image.shape[:2]
    sizes = rng.integers((height // 3, width // 3), (height, width), (count, 2))
    return [np.ascontiguousarray(image[:rows, :columns]) for rows, columns in sizes]


def apart(poses, truth):
    """Pixels by which keypoints differ; infinite if other people were found."""
    if len(poses) != len(truth):
        return np.inf
    return float(np.abs(poses.keypoints - truth.keypoints).max(initial=0))


def in_threads(pose, images, count, seconds):
    """Answers, those that differ, and the largest difference in pixels."""
    alone = [pose(image) for image in images]
    differences, failures, end = [], [], time.monotonic() + seconds

    def work(thread):
        rng = np.random.default_rng(thread)
        while time.monotonic() < end:
            index = int(rng.integers(len(images)))
            try:
                differences.append(apart(pose(images[index]), alone[index]))
            except Exception as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return {
        "threads": count,
        "answers": len(differences),
        "other answers": sum(difference > 0.001 for difference in differences),
        "largest difference, px": max(differences),
        "people": sum(map(len, alone)),
    }


def memory(pose, images, calls):
    """Resident memory in MB, early and late."""
    seen = {}
    for call in range(1, calls + 1):
        pose(images[call % len(images)])
        if call in (calls // 4, calls // 2, 3 * calls // 4, calls):
            seen[f"after {call}"] = round(megabytes("VmRSS"))
    return seen


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("threads", "memory"))
    parser.add_argument("--runtime", default="keras", help="names, separated by commas")
    parser.add_argument("--model", default="multiposenet-nano", help="names, separated by commas")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--photos", type=int, default=12, help="different ones")
    parser.add_argument("--size", type=int, default=None, help="longer side that the network sees")
    args = parser.parse_args(argv)
    runtimes, models = args.runtime.split(","), args.model.split(",")
    models = models * len(runtimes) if len(models) == 1 else models
    images = photos(args.photos)
    for runtime, model in zip(runtimes, models, strict=True):
        size = {} if args.size is None else {"image_size": args.size}
        # Files of this machine's own exports.
        pose = multiposenet.load(model, runtime=runtime, trust_saved_model=True, **size)
        if args.what == "threads":
            row = in_threads(pose, images, args.threads, args.seconds)
        else:
            row = memory(pose, images, args.calls)
        print(runtime, ", ".join(f"{name}: {value:g}" for name, value in row.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
