"""What a second look gains and costs, of every system (MultiPoseNet, table 1, test-time parts).

Scales, mirror images, tiles, a single-person network that estimates each pose once more, and an
ensemble. MultiPoseNet's 69.6 on COCO test-dev has all of them.
"""

from multiposenet.training.tables.system_rows import SystemRow

SCALES = "scales=0.75,1,1.25"


def _rows(system, title):
    plain = SystemRow(system, title, system)
    ways = {
        "flip": {"tta": "flip"},
        "scales": {"tta": SCALES},
        "scales-flip": {"tta": f"{SCALES},flip"},
        "crops": {"tta": "crops"},
        "refine": {"refine": "sppe-thunder"},
    }
    more = [
        SystemRow(f"{system}-{name}", f"- {name.replace('-', ', ')}", system, than=system, **way)
        for name, way in ways.items()
    ]
    return [plain, *more]


ROWS = (
    *_rows("multiposenet", "MultiPoseNet"),
    *_rows("rmpe", "RMPE"),
    *_rows("grmi", "G-RMI"),
    SystemRow("ensemble", "MultiPoseNet, G-RMI", "multiposenet", ensemble=("grmi",), than="grmi"),
    SystemRow(
        "all",
        "RMPE, G-RMI, scales, flip",
        "rmpe",
        ensemble=("grmi",),
        tta=f"{SCALES},flip",
        than="rmpe",
    ),
)
"""All rows; those of one system are compared with the system alone."""
