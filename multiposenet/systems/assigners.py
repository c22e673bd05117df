"""Trained assigners by name, to group the keypoints of other detectors.

>>> assigner = load("joint-assigner")
>>> grouped = assigner.group(boxes, keypoints)
"""

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.runtimes import forks


def load(name="joint-assigner"):
    """Loads an assigner; see its ``group`` method.

    Args:
        name: ``"joint-assigner"``, which looks at all persons of an image together.

    Returns:
        An ``Assigner`` of 17 COCO keypoints.

    Raises:
        WeightsError: the name is unknown, or the file is missing, damaged or of another network.
    """
    forks.check(forks.KERAS)
    entry = zoo.entry(name, "assigners")
    assigner = JointAssigner(**entry["architecture"])
    path = zoo.resolve(name, "assigners")
    try:
        load_completely(assigner, path)
    except WeightsError:
        raise
    except Exception as error:  # depends on what does not fit
        raise WeightsError(f"{path}: weights: do not fit; reinstall multiposenet") from error
    return assigner
