"""Boxes of persons by size, and person segmentation (MultiPoseNet, table 5)."""

from dataclasses import dataclass

from multiposenet.errors import InputError
from multiposenet.evaluation import coco
from multiposenet.systems import estimator
from multiposenet.systems.test_time.augmentation import Augmentation, Augmented
from multiposenet.training import datasets
from multiposenet.training.tables.multiposenet import looks
from multiposenet.training.tables.system_rows import SystemRow, SystemTable

FIGURES = ("AP", "AP50", "AP75", "APS", "APM", "APL")
_SCALES = "scales=0.75,1,1.25"
_SECOND = SystemRow("5-second", "", looks.SECOND)


@dataclass(frozen=True)
class BoxRow:
    """Person boxes.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        of: the row whose boxes these are.
    """

    name: str
    title: str
    of: SystemRow


@dataclass(frozen=True)
class MaskRow:
    """Person masks on PASCAL VOC, of the table's model.

    Attributes:
        name, title: as of ``BoxRow``.
        tta: as for ``Augmentation.parse``, or None.
    """

    name: str
    title: str
    tta: str | None = None


ROWS = (
    BoxRow("5-boxes", "boxes (paper: ResNet-50)", looks.PLAIN),
    BoxRow("5-boxes-second", f"boxes of {looks.SECOND} (paper: ResNet-101)", _SECOND),
    MaskRow("5-masks", "segmentation, IoU"),
    MaskRow("5-masks-scales", "segmentation of several scales, IoU", _SCALES),
)
PAPER = {
    "5-boxes": (51.3, 81.4, 53.6, 34.9, 58.0, 68.1),
    "5-boxes-second": (52.5, 81.5, 55.3, 35.2, 59.0, 71.0),
}
"""AP, AP50, AP75, APS, APM, APL on COCO."""
PAPER_IOU = {"5-masks-scales": 87.8}
"""On the test set of PASCAL VOC 2012."""


class PersonTable:
    """Measures ``BoxRow``s and ``MaskRow``s.

    Args:
        systems: the ``SystemTable`` whose boxes and whose model are measured.
        voc: folder of PASCAL VOC, see ``datasets.voc``; None: its rows stay empty.
    """

    def __init__(self, systems: SystemTable, voc=None):
        self.systems, self.voc = systems, voc

    def measure(self, row: BoxRow | MaskRow) -> dict:
        """``FIGURES``, or ``IoU``, 0 to 100; or ``missing``, saying what is not there.

        Raises:
            InputError: a photo or mask cannot be used.
        """
        return self._boxes(row) if isinstance(row, BoxRow) else self._masks(row)

    def _boxes(self, row):
        results = self.systems.results(row.of)
        figures = coco.evaluate_boxes(self.systems.annotations, results)
        return {name: 100 * figures[f"boxes/{name}"] for name in FIGURES}

    def _masks(self, row):
        if self.voc is None:
            return {"missing": "no photos with masks: give --voc"}
        samples = [s for s in datasets.read(f"voc:{self.voc}") if s.has_mask]
        pose = estimator.load(self.systems.model, runtime=self.systems.runtime, score=0.0)
        pose = Augmented(pose, Augmentation.parse(row.tta)) if row.tta else pose
        overlap = coco.MaskIoU()
        paths = [sample.path for sample in samples]
        for sample, item in zip(samples, pose.stream(paths), strict=True):
            if isinstance(item, InputError):
                raise item
            overlap.update(item[1].mask, sample.read_mask())
        return {"IoU": 100 * overlap.result()["masks/IoU"], "photos": len(samples)}
