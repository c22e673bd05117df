"""What the parts of G-RMI are worth with one network (G-RMI, ablations).

Rescoring, OKS-NMS and IoU-NMS at several thresholds are decided on the same poses. How far crops
reach, and heatmaps in place of disks and offsets, of a network of the same backbone.
"""

from multiposenet.systems.grmi import BOX_OVERLAP
from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS
from multiposenet.training.tables.system_rows import DecidedRow, SystemRow

_OKS_NMS = OKSNMS()


def _decided(name, title, box_overlap=BOX_OVERLAP, rescoring="keypoints", pose_nms=_OKS_NMS):
    than = None if name == "grmi" else "grmi"
    return DecidedRow(name, title, "no-nms", box_overlap, rescoring, pose_nms, than)


def _run(name, title, system="grmi", **options):
    return SystemRow(name, title, system, options, than="grmi")


ROWS = (
    SystemRow("no-nms", "boxes below IoU 0.6, no NMS of poses", "grmi", {"pose_nms": None}),
    _decided("grmi", "G-RMI: keypoint rescoring, OKS-NMS 0.5"),
    _decided("box-score", "a pose scores what its box does", rescoring="box"),
    _decided("both-scores", "the geometric mean of both", rescoring="geometric"),
    *(_decided(f"oks-{t:g}", f"OKS-NMS {t:g}", pose_nms=OKSNMS(t)) for t in (0.3, 0.7, 0.9)),
    _decided("soft-oks", "soft OKS-NMS", pose_nms=SoftOKSNMS()),
    *(
        _decided(f"iou-{t:g}", f"IoU-NMS {t:g} of boxes alone", t, pose_nms=None)
        for t in (0.3, 0.4, 0.5)
    ),
    *(_run(f"margin-{m:g}", f"crops {m:.0%} longer", margin=m) for m in (0.0, 0.1, 0.5)),
    _run(
        "heatmaps",
        "heatmaps, of RMPE's network",
        "rmpe",
        rescoring="keypoints",
        pose_nms=_OKS_NMS,
        box_overlap=BOX_OVERLAP,
    ),
)
"""All rows, compared with G-RMI's."""
