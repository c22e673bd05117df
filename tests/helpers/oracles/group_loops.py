"""AP of keypoints of groups of people once more, written as loops from the protocol."""

import math


def slow_keypoint_ap(groups, threshold=0.5):
    """AP of each keypoint. A group is a dictionary of nested lists: `truths` (x, y) or None,
    `units`, `predictions` (x, y, score) or None."""
    num_keypoints = len((groups[0]["truths"] or groups[0]["predictions"])[0])
    return [_of_keypoint(groups, keypoint, threshold) for keypoint in range(num_keypoints)]


def _of_keypoint(groups, keypoint, threshold):
    entries, wanted = [], 0
    for group in groups:
        wanted += sum(truth[keypoint] is not None for truth in group["truths"])
        person_of = _assigned(group, threshold)
        for pose, prediction in enumerate(group["predictions"]):
            if prediction[keypoint] is None:
                continue
            person = person_of.get(pose)
            right = person is not None and _hits(group, pose, person, keypoint, threshold)
            entries.append((prediction[keypoint][2], right))
    return _voc_area(entries, wanted) if wanted else math.nan


def _assigned(group, threshold):
    """Pose -> person."""
    part = []
    for pose in range(len(group["predictions"])):
        row = []
        for person, truth in enumerate(group["truths"]):
            labelled = [keypoint for keypoint, point in enumerate(truth) if point is not None]
            hits = [
                keypoint for keypoint in labelled if _hits(group, pose, person, keypoint, threshold)
            ]
            row.append(len(hits) / len(labelled) if labelled else 0.0)
        part.append(row)
    # A pose keeps the person it fits best, then a person keeps the pose that fits best.
    favourite = [max(range(len(row)), key=lambda p, row=row: row[p]) if row else None
                 for row in part]  # fmt: skip
    person_of = {}
    for person in range(len(group["truths"])):
        best, value = None, 0.0
        for pose, row in enumerate(part):
            if favourite[pose] == person and row[person] > value:
                best, value = pose, row[person]
        if best is not None:
            person_of[best] = person
    return person_of


def _hits(group, pose, person, keypoint, threshold):
    point, truth = group["predictions"][pose][keypoint], group["truths"][person][keypoint]
    unit = group["units"][person]
    if point is None or truth is None or math.isnan(unit) or unit <= 0:
        return False
    return math.sqrt((point[0] - truth[0]) ** 2 + (point[1] - truth[1]) ** 2) <= threshold * unit


def _voc_area(entries, wanted):
    entries = sorted(entries, key=lambda entry: -entry[0])
    recall, precision, true = [0.0], [0.0], 0
    for count, (_, right) in enumerate(entries, 1):
        true += right
        recall.append(true / wanted)
        precision.append(true / count)
    recall.append(1.0)
    precision.append(0.0)
    for i in reversed(range(len(precision) - 1)):
        precision[i] = max(precision[i], precision[i + 1])
    return sum(
        (recall[i] - recall[i - 1]) * precision[i]
        for i in range(1, len(recall))
        if recall[i] != recall[i - 1]
    )
