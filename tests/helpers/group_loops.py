"""AP of joints of groups of people once more, written as loops from the protocol."""

import math


def slow_joint_ap(groups, threshold=0.5):
    """AP of each joint. A group is a dictionary of nested lists: `truths` (x, y) or None, `units`,
    `predictions` (x, y, score) or None."""
    joints = len((groups[0]["truths"] or groups[0]["predictions"])[0])
    return [_of_joint(groups, joint, threshold) for joint in range(joints)]


def _of_joint(groups, joint, threshold):
    entries, wanted = [], 0
    for group in groups:
        wanted += sum(truth[joint] is not None for truth in group["truths"])
        person_of = _assigned(group, threshold)
        for pose, prediction in enumerate(group["predictions"]):
            if prediction[joint] is None:
                continue
            person = person_of.get(pose)
            right = person is not None and _hits(group, pose, person, joint, threshold)
            entries.append((prediction[joint][2], right))
    return _voc_area(entries, wanted) if wanted else math.nan


def _assigned(group, threshold):
    """Pose -> person."""
    part = []
    for pose in range(len(group["predictions"])):
        row = []
        for person, truth in enumerate(group["truths"]):
            labelled = [joint for joint, point in enumerate(truth) if point is not None]
            hits = [joint for joint in labelled if _hits(group, pose, person, joint, threshold)]
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


def _hits(group, pose, person, joint, threshold):
    point, truth = group["predictions"][pose][joint], group["truths"][person][joint]
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
