"""How often a box around several people is taken for a person, and keypoints for two people's.

    python benchmarks/group_boxes.py --annotations A.json --images DIR [--model NAME]

Counts, of the photos with at least four found people, those where a box of more than four times the
people's median area holds the centres of at least three others: how many such boxes there are,
and how many of them are nobody annotated (IoU below 0.5). Counts, of all photos, the keypoints that
two people or more share to the pixel.
"""

import argparse
from pathlib import Path

import numpy as np

import multiposenet
from multiposenet.annotations import CocoAnnotations
from multiposenet.commands import console
from multiposenet.maths.overlap import pairwise_iou
from multiposenet.sources import read_image

LEAST_PEOPLE, LARGER, HELD = 4, 4.0, 3


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--annotations", required=True, metavar="FILE")
    parser.add_argument("--images", required=True, metavar="DIR", type=Path)
    parser.add_argument("--model", default="multiposenet-nano")
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("OPTION", "VALUE"))
    arguments = parser.parse_args(argv)
    options = {name: float(value) for name, value in arguments.set}
    annotations = CocoAnnotations.load(arguments.annotations)
    pose = multiposenet.load(arguments.model, **options)
    photos = with_group = groups = false_groups = shared = 0
    for record in annotations.images:
        people = pose(read_image(arguments.images / record.file_name))
        shared += shared_keypoints(people.keypoints, people.keypoint_scores)
        if len(people.boxes) < LEAST_PEOPLE:
            continue
        photos += 1
        around = np.flatnonzero(group_boxes(people.boxes))
        with_group += len(around) > 0
        groups += len(around)
        if len(around):
            overlaps = pairwise_iou(people.boxes[around], record.boxes).max(axis=1, initial=0)
            false_groups += int((overlaps < 0.5).sum())
    rows = [
        ["photos with at least four people", photos],
        ["of these with a box around several", with_group],
        ["such boxes", groups],
        ["of these nobody annotated", false_groups],
        ["keypoints shared by people", shared],
    ]
    console.print_table(["", arguments.model], [[name, str(value)] for name, value in rows])


def group_boxes(boxes):
    """``(N,)`` bool: which of ``(N, 4)`` xyxy are larger than others and hold several of them."""
    boxes = np.asarray(boxes, float)
    if len(boxes) <= HELD:
        return np.zeros(len(boxes), bool)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    held = ((centres >= low) & (centres <= high)).all(axis=2)
    np.fill_diagonal(held, False)
    return (held.sum(axis=1) >= HELD) & (areas > LARGER * np.median(areas))


def shared_keypoints(keypoints, scores):
    """How many found keypoints ``(N, K, 2)`` two people have at the same place."""
    count = 0
    for kind in range(keypoints.shape[1]):
        places = keypoints[scores[:, kind] > 0, kind]
        count += len(places) - len(np.unique(np.round(places, 3), axis=0))
    return count


if __name__ == "__main__":
    main()
