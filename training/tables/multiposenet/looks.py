"""What more looks at a photo gain (MultiPoseNet, table 1).

The paper's 69.6 has several scales, crops, two backbones and a single-person network like the
keypoint subnet, merged by OKS-NMS (MultiPoseNet, section 4.2). The network here is RMPE's: our own
keypoint subnet has not learnt persons as large as they are in crops.
"""

from multiposenet.training.tables.system_rows import SystemRow

_SYSTEM = "multiposenet"
_SCALES = "scales=0.75,1,1.25,flip"
_REFINER = "sppe-thunder"
SECOND = "multiposenet-lite0"
"""The model with another backbone."""
PLAIN = SystemRow("1-plain", "one look", _SYSTEM)


def _row(name, title, **ways):
    return SystemRow(f"1-{name}", title, _SYSTEM, than=PLAIN.name, **ways)


ROWS = (
    PLAIN,
    _row("scales", "scales, mirror images", tta=_SCALES),
    _row("crops", "crops", tta="crops"),
    _row("two", "two backbones", ensemble=(SECOND,)),
    _row("refined", "a single-person network", refine=_REFINER),
    _row("all", "all of these", tta=f"{_SCALES},crops", ensemble=(SECOND,), refine=_REFINER),
)
PAPER = {"1-all": (69.6, 86.3, 76.6, 65.0, 76.3)}
"""AP, AP50, AP75, APM, APL on COCO test-dev."""
