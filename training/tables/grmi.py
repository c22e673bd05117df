"""What the parts of G-RMI are worth with one network (G-RMI, ablations).

Rescoring, OKS-NMS and IoU-NMS at several thresholds are decided on the same poses. How far crops
reach, and heatmaps in place of disks and offsets, of a network of the same backbone. Of
networks that are trained alike: sizes of crops, and offsets beside the highest cell alone.
"""

from multiposenet.errors import WeightsError
from multiposenet.systems.grmi import BOX_OVERLAP
from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS
from multiposenet.training.tables.system_rows import DecidedRow, SystemRow, SystemTable
from multiposenet.training.tables.trained_runs import TrainedRow, TrainedRuns

_OKS_NMS = OKSNMS()
_PEAK = 2  # pixels of 352 x 256: hardly more than the keypoint's own cell


class GRMITable:
    """Measures rows.

    Args:
        systems: the ``SystemTable``.
        runs: ``TrainedRuns`` of the stage grmi.
    """

    def __init__(self, systems: SystemTable, runs: TrainedRuns):
        self.systems, self.runs = systems, runs

    def measure(self, row) -> dict:
        """As of ``SystemTable``; or ``missing``, saying what is not there."""
        if isinstance(row, TrainedRow):
            try:
                folder, _ = self.runs.run(row.name, **row.changes)
            except WeightsError as error:
                return {"name": row.name, "title": row.title, "missing": str(error)}
            options = {"network": str(folder)}
            row = SystemRow(row.name, row.title, "grmi", options, than=row.than)
        return self.systems.measure(row)


def _trained(height, width):
    """Two rows of a crop size: disks with offsets, and peaks without any."""
    size, name = {"image_size": (height, width)}, f"{height}x{width}"
    than = None if name == "352x256" else "trained-352x256"
    peaks = {"radius": _PEAK / 352, "offset_weight": 0.0}
    return (
        TrainedRow(f"trained-{name}", f"trained, crops of {height} x {width}", size, than),
        TrainedRow(f"peaks-{name}", "- heatmaps, no offsets", size | peaks, f"trained-{name}"),
    )


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
    *(row for size in ((352, 256), (256, 192), (160, 128)) for row in _trained(*size)),
)
"""All rows, compared with G-RMI's."""
