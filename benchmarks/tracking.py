"""Tracking by OKS beside tracking by boxes, on synthetic people who cross.

    python benchmarks/tracking.py

Ten videos of each kind: two who cross, four who cross, and two who leave the picture and come back.
A detector with faults finds them (`training.datasets.motion.seen`), and both trackers get the same
poses. Then the time for a frame with 20 people.
"""

import argparse
import time

import numpy as np

from multiposenet.commands import console
from multiposenet.evaluation.identity import IdentityScore
from multiposenet.skeleton import COCO_17
from multiposenet.training.datasets import motion
from multiposenet.video import tracking

KINDS = {
    "two cross": {},
    "four cross": {"people": 4},
    "two come back": {"frames": 110, "returns": True},
}
SIMILARITIES = {"OKS": tracking.oks_similarity, "boxes": tracking.box_similarity}


def score(kind: dict, similarity, videos: int = 10) -> dict[str, float]:
    """The figures of `IdentityScore` for a tracker on so many videos of a kind."""
    figures = IdentityScore(COCO_17.sigmas)
    for number in range(videos):
        tracker = tracking.Tracker(similarity=similarity)
        figures.new_video()
        faults = np.random.default_rng((1, number))
        for moment in motion.walk(np.random.default_rng((0, number)), **kind):
            people = tracker.update(motion.seen(moment, faults), moment.time)
            truth = (moment.keypoints, moment.areas, moment.persons)
            figures.update(*truth, people.keypoints, people.ids)
    return figures.result()


def milliseconds(people: int, frames: int = 100) -> float:
    """Time of a frame with so many people, the median."""
    moments = list(motion.walk(np.random.default_rng(0), 10, people, (720, 1280)))
    rng, tracker, taken = np.random.default_rng(0), tracking.Tracker(), []
    poses = [motion.seen(moment, rng) for moment in moments]
    for number in range(frames):
        begin = time.perf_counter()
        tracker.update(poses[number % len(poses)], number / motion.RATE)
        taken.append(time.perf_counter() - begin)
    return 1000 * float(np.median(taken))


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    rows = []
    for name, kind in KINDS.items():
        for similarity, function in SIMILARITIES.items():
            found = score(kind, function)
            shown = [f"{found[f'identity/{key}']:.3f}" for key in ("IDF1", "MOTA")]
            rows.append([f"{name}, {similarity}", *shown, str(found["identity/switches"])])
    console.print_table(["ten videos each", "IDF1", "MOTA", "switches"], rows)
    print(f"{milliseconds(20):.2f} ms a frame with 20 people")


if __name__ == "__main__":
    main()
