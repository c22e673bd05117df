"""What becomes of keypoints if JPEG files are decoded at half their size, and what it saves.

    python benchmarks/reduced_jpeg.py mpii_labels/samples/*.jpg

Only photos of at least twice the 480 pixels that the network sees are changed. Distances are in
pixels of the file, of keypoints that both ways find, people matched by the nearest pose.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import multiposenet

SIDE, SEEN = 480, 0.1


def decoded(path, reduced):
    image = Image.open(path)
    if reduced:
        image.draft("RGB", (SIDE, SIDE * image.height // image.width))
    return np.asarray(image.convert("RGB"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="+", type=Path)
    pose = multiposenet.load("multiposenet-nano", runtime="openvino")
    apart, seconds = [], {False: 0.0, True: 0.0}
    for path in parser.parse_args().photos:
        images = {}
        for reduced in seconds:
            start = time.perf_counter()
            images[reduced] = decoded(path, reduced)
            seconds[reduced] += time.perf_counter() - start
        scale = images[False].shape[1] / images[True].shape[1]
        whole, small = pose(images[False]), pose(images[True])
        if scale == 1 or not len(small):
            continue
        for person in whole:
            offsets = np.linalg.norm(person.keypoints - small.keypoints * scale, axis=-1)
            nearest = offsets.mean(axis=1).argmin()
            seen = np.minimum(person.keypoint_scores, small.keypoint_scores[nearest]) > SEEN
            apart += offsets[nearest][seen].tolist()
    told = ", ".join(f"{value:.2f}" for value in np.percentile(apart, (50, 95)))
    print(f"keypoints {len(apart)}: median and 95 % {told} px; decoding {seconds[False]:.2f} s, ")
    print(f"reduced {seconds[True]:.2f} s")


if __name__ == "__main__":
    main()
