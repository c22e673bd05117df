"""How much faster than a plain loop pose NMS and OKS-NMS are on 200 candidate poses.

python benchmarks/suppression_speed.py
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "helpers" / "oracles"))
import suppression_loops as loops

from multiposenet.maths.suppression import PoseNMSParameters, oks_nms, pose_nms
from multiposenet.skeleton import COCO_17

HAND = PoseNMSParameters()
RULES = {
    "pose": (
        lambda *poses: pose_nms(*poses).tolist(),
        lambda *poses: loops.pose_nms(*poses, *dataclasses.astuple(HAND)),
    ),
    "oks": (
        lambda *poses: oks_nms(*poses, COCO_17.sigmas).tolist(),
        lambda *poses: loops.oks_nms(*poses, 0.5),
    ),
}
CROWDS = {"40 persons, 5 poses each": (40, 5), "200 persons": (200, 1)}


def fastest(function, runs):
    """Result, and the least processor time: what others do on the machine is not counted."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        result = function()
        times.append(time.thread_time() - start)
    return result, min(times)


def compare(rule, persons, copies):
    """What a rule and its loop keep, and their times in seconds, on poses of some persons."""
    poses = loops.candidates(np.random.default_rng(6), persons, copies, missing=0)
    fast, loop = RULES[rule]
    fast(*poses)
    return fastest(lambda: fast(*poses), 100), fastest(lambda: loop(*poses), 5)


if __name__ == "__main__":
    for crowd, counts in CROWDS.items():
        for rule in RULES:
            (_, ours), (_, theirs) = compare(rule, *counts)
            print(
                f"{rule} NMS, {crowd}: {1e3 * ours:.2f} ms, loop {1e3 * theirs:.1f} ms, "
                f"{theirs / ours:.0f} times as fast"
            )
