"""A person by itself."""

import numpy as np
import pytest

from multiposenet.person import Keypoint, Person
from multiposenet.skeleton import COCO_17


def test_keypoints_by_name():
    keypoints = np.arange(34, dtype=np.float32).reshape(17, 2)
    scores = np.linspace(0, 1, 17, dtype=np.float32)
    person = Person(np.float32([1, 2, 3, 4]), 0.9, keypoints, scores, 0.8, COCO_17, 5)
    wrist = person["left_wrist"]
    assert isinstance(wrist, Keypoint) and tuple(wrist) == (18.0, 19.0, 0.5625)
    assert wrist.x == 18 and wrist.score == 0.5625
    assert person["nose"] is None  # score 0: not found
    with pytest.raises(KeyError, match="no keypoint 'hand'; it has nose, left_eye"):
        person["hand"]
    assert repr(person) == "<Person 5: score 0.80, box (1, 2, 3, 4), 16 of 17 keypoints>"
