"""What the parts of G-RMI are worth with one network (G-RMI, ablations).

Rescoring, OKS-NMS and IoU-NMS at several thresholds, and how far crops reach.
"""

from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS
from multiposenet.training.tables.system_rows import SystemRow


def _row(name, title, **options):
    return SystemRow(name, title, "grmi", options, than="grmi")


ROWS = (
    SystemRow("grmi", "G-RMI: keypoint rescoring, OKS-NMS 0.5, boxes below IoU 0.6", "grmi"),
    _row("box-score", "a pose scores what its box does", rescoring="box"),
    _row("both-scores", "the geometric mean of both", rescoring="geometric"),
    _row("no-nms", "no NMS of poses", pose_nms=None),
    *(_row(f"oks-{t:g}", f"OKS-NMS {t:g}", pose_nms=OKSNMS(t)) for t in (0.3, 0.7, 0.9)),
    _row("soft-oks", "soft OKS-NMS", pose_nms=SoftOKSNMS()),
    *(
        _row(f"iou-{t:g}", f"IoU-NMS {t:g} of boxes alone", pose_nms=None, box_overlap=t)
        for t in (0.3, 0.5, 0.7)
    ),
    *(_row(f"margin-{m:g}", f"crops {m:.0%} longer", margin=m) for m in (0.0, 0.1, 0.5)),
)
"""All rows, compared with the first."""
