"""The SPPE that RMPE takes by default, on a real photo."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from multiposenet.skeleton import COCO_17
from multiposenet.systems.rmpe import load_rmpe

pytestmark = pytest.mark.not_on_jax


def test_one_person():
    """Finds the public-domain photo's one person, whose face is in the upper half of the box."""
    photo = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    box = (60, 20, 460, 600)
    pose = load_rmpe(detector=lambda image: ([box, np.add(box, 9)], [0.9, 0.8]))
    (person,) = pose(photo)  # the other box is of the same person
    nose, left, right = (
        person.keypoints[COCO_17.index(name)]
        for name in ("nose", "left_shoulder", "right_shoulder")
    )
    assert 150 < nose[0] < 350 and 80 < nose[1] < 300
    assert left[0] > nose[0] > right[0] and min(left[1], right[1]) > nose[1]
