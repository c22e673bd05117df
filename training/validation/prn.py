"""What the PRN stage reaches: AP of true keypoints in true boxes."""

from multiposenet.training.grouping import assignment


class AssignmentValidation:
    """Average precision of true keypoints given to true boxes by the PRN.

    Args:
        prn: the assigner in training.
        annotations: ``CocoAnnotations`` of its skeleton.
    """

    def __init__(self, prn, annotations):
        self.prn, self.annotations = prn, annotations

    def __call__(self):
        """``{"assignment/AP": ..., "assignment/AP50": ...}``."""
        figures = assignment.evaluate(self.prn, self.annotations)
        return {f"assignment/{name}": figures[f"keypoints/{name}"] for name in ("AP", "AP50")}
