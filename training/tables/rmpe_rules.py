"""What may stand in the place of RMPE's learnt pose NMS: other rules, each of a photo's poses."""

import numpy as np

from multiposenet.maths import overlap as overlaps
from multiposenet.maths.suppression import PoseNMSParameters, keypoint_overlap_nms
from multiposenet.systems.pose_nms import OKSNMS, distinct
from multiposenet.training.pose_nms import parameter_search
from multiposenet.training.pose_nms.candidate_poses_map import CandidatePosesMAP

BOX_OVERLAP = 0.4  # of the detector's NMS when the table was first measured


def by_overlap(poses):
    """Poses that share half of their keypoints are one, set by hand."""
    given = (poses.keypoints, poses.keypoint_scores, poses.scores, poses.boxes)
    return poses[keypoint_overlap_nms(*given)]


def by_boxes(poses):
    """NMS of boxes, as the detector has it."""
    if not len(poses):
        return poses
    overlap = overlaps.pairwise_iou(poses.boxes, poses.boxes)
    kept = []
    for one in np.argsort(-poses.box_scores, kind="stable"):
        if not (overlap[one, kept] > BOX_OVERLAP).any():
            kept.append(one)
    return poses[np.sort(kept)]  # in the order of the poses' scores


FIXED = {
    "hand": lambda poses: distinct(poses, PoseNMSParameters()),
    "none": lambda poses: distinct(poses, None),
    "oks": lambda poses: distinct(poses, OKSNMS()),
    "overlap": by_overlap,
    "boxes": by_boxes,
}


def learnt(annotations, results, seed=0):
    """Pose NMS learnt for mAP from half of the photos, for the other half, and the reverse.

    Args:
        annotations: ``CocoAnnotations``.
        results: COCO results of all poses on their photos.
        seed: of the halves.

    Returns:
        (I,) the half of each photo, 0 or 1, and the two halves' ``PoseNMSParameters``, each learnt
        from the *other* half.
    """
    half = np.zeros(len(annotations), int)
    half[np.random.default_rng(seed).permutation(len(half))[len(half) // 2 :]] = 1
    found = []
    for other in (1, 0):
        part = annotations.select(half == other)
        ids = set(part.image_ids.tolist())
        own = [result for result in results if result["image_id"] in ids]
        found.append(parameter_search.learn(CandidatePosesMAP(part, own)).parameters)
    return half, found
