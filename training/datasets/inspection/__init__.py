"""All that is wrong with a data set, in one go, and a copy in which it is mended.

`CocoAnnotations.load` stops at the first defect that would break a program. This goes on, and also
names what breaks nothing and teaches a network wrong things all the same: points beside the photo,
sides mixed up, persons listed twice. `KINDS` says by which rule each kind is found.
"""

from multiposenet.training.datasets.inspection.findings import KINDS, Finding
from multiposenet.training.datasets.inspection.labels import Inspection
from multiposenet.training.datasets.inspection.repair import repair

__all__ = ["KINDS", "Finding", "Inspection", "repair"]
