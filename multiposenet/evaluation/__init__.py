"""Measures of quality: arrays in, numbers out.

coco.py                 keypoints, boxes and masks as in the COCO evaluation
average_precision.py    the matching and the curves behind them
"""

from multiposenet.evaluation.coco import (
    MaskIoU,
    evaluate_boxes,
    evaluate_keypoints,
    precision_curves,
)

__all__ = ["MaskIoU", "evaluate_boxes", "evaluate_keypoints", "precision_curves"]
