"""Measures of quality: arrays in, numbers out.

coco.py                 keypoints, boxes and masks as in the COCO evaluation
average_precision.py    the matching and the curves behind them
pck.py                  correct keypoints in units of the torso, or of any other length
mpii.py, waf.py         PCKh of single persons and AP of keypoints of groups, on MPII and WAF
keypoint_precision.py      the matching and the curves behind these
identity.py             IDF1 and identity switches over a video
errors.py               what detected poses get wrong
speed.py                frames per second
"""

from multiposenet.evaluation.coco import (
    MaskIoU,
    evaluate_boxes,
    evaluate_keypoints,
    precision_curves,
)

__all__ = ["MaskIoU", "evaluate_boxes", "evaluate_keypoints", "precision_curves"]
