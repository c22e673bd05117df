"""Who is who: crossings, hiding, leaving and coming back, on people whose way is known."""

import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.evaluation.identity import IdentityScore
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17
from multiposenet.sources import Frame
from multiposenet.training.datasets import motion
from multiposenet.video.tracking import Tracker, box_similarity, follow, oks_similarity

# Keypoints of two people in the unit square: the second one's limbs lie elsewhere.
BODIES = np.random.default_rng(3).uniform(0.05, 0.95, (2, 17, 2))


def poses(*people):
    """Of (body, x, y, score), 40 pixels wide and 100 high."""
    size = np.array([40, 100])
    corners = np.array([person[1:3] for person in people], float).reshape(-1, 2)
    scores = np.array([person[3] for person in people], float)
    bodies = [BODIES[body] for body, *_ in people]
    keypoints = np.array(bodies).reshape(-1, 17, 2) * size + corners[:, None]
    return Poses(
        np.concatenate([corners, corners + size], axis=-1),
        scores,
        keypoints,
        np.ones((len(people), 17)),
        scores,
        COCO_17,
        (200, 640),
    )


def ids(tracker, *frames):
    return [tracker.update(poses(*people)).ids.tolist() for people in frames]


def crossing(frames=41):
    """Two people who walk through each other, in the same boxes at frame 20."""
    return [[(0, 100 + 4 * t, 50, 0.8), (1, 260 - 4 * t, 50, 0.7)] for t in range(frames)]


def test_people_who_cross_stay_who_they_are():
    assert ids(Tracker(), *crossing()) == [[1, 2]] * 41


def test_one_who_is_hidden_for_a_while_is_known_again():
    frames = crossing()
    for t in range(15, 26):
        frames[t] = frames[t][:1]
    found = ids(Tracker(), *frames)
    assert found[:15] == [[1, 2]] * 15 and found[15:26] == [[1]] * 11
    assert found[26:] == [[1, 2]] * 15


def test_joints_tell_people_apart_whose_boxes_do_not():
    """Both change places from one frame to the next: boxes stay, people do not."""
    still = [(0, 100, 50, 0.8), (1, 110, 50, 0.7)]
    changed = [(0, 110, 50, 0.8), (1, 100, 50, 0.7)]
    assert ids(Tracker(), still, still, changed)[-1] == [1, 2]
    assert ids(Tracker(similarity=box_similarity), still, still, changed)[-1] == [2, 1]


def test_who_is_gone_too_long_is_somebody_new():
    here, nobody = [(0, 100, 50, 0.8)], []
    assert ids(Tracker(patience=0.2), *[here] * 3, *[nobody] * 4, here)[-1] == [1]
    assert ids(Tracker(patience=0.2), *[here] * 3, *[nobody] * 5, here)[-1] == [2]


def test_faint_ones_are_followed_but_nobody_new():
    sure, faint, ghost = (0, 100, 50, 0.8), (0, 100, 50, 0.2), (1, 400, 50, 0.2)
    tracker = Tracker(sure=0.3)
    assert ids(tracker, [ghost], [sure, ghost], [faint, ghost], [sure]) == [[], [1], [1], [1]]
    assert ids(tracker, [(0, 100, 50, 0.1)]) == [[]]
    # Not seen in the frame before: a faint one is not enough to be known again.
    assert ids(tracker, [faint], [sure]) == [[], [1]]


def test_few_common_keypoints_say_less_than_the_box():
    keypoints, boxes = np.full((1, 17, 2), np.nan), np.array([[0.0, 0, 40, 100]])
    keypoints[0, :2] = 5
    others = np.full((1, 17, 2), 30.0)
    alike = oks_similarity(keypoints, boxes, others, boxes, COCO_17.sigmas)
    assert alike.tolist() == [[1.0]]


def test_times_and_arguments():
    tracker = Tracker()
    quick = [poses((0, 100, 50, 0.8)), poses((0, 130, 50, 0.8)), poses((0, 220, 50, 0.8))]
    found = [tracker.update(p, t).ids.tolist() for p, t in zip(quick, (0, 0.1, 0.4), strict=True)]
    assert found == [[1]] * 3  # 300 pixels a second, whatever the rate
    with pytest.raises(ValueError, match=r"time: 0.4 s is not behind 0.4 s"):
        tracker.update(quick[0], 0.4)
    for wrong in ({"sure": 2}, {"faint": 0.5}, {"least": -1}, {"patience": -1}):
        with pytest.raises(ValueError):
            Tracker(**wrong)
    empty = Tracker().update(poses())
    assert len(empty) == 0 and empty.ids.shape == (0,)


def test_a_stream_is_followed_and_starts_anew_with_the_next_video():
    image = np.zeros((8, 8, 3), np.uint8)
    frames = [Frame(image, "a", None, n % 3, (n % 3) / 25) for n in range(6)]
    error = InputError("a: frame: damaged; left out")
    stream = [(frame, poses((0, 100, 50, 0.8))) for frame in frames]
    found = list(follow([*stream[:2], error, *stream[2:]], Tracker()))
    assert found[2] is error and found[0][0] is frames[0]
    assert [item[1].ids.tolist() for item in found if item is not error] == [[1]] * 3 + [[2]] * 3


def score(similarity, **options):
    figures, faults = IdentityScore(COCO_17.sigmas), np.random.default_rng(1)
    tracker = Tracker(similarity=similarity)
    for moment in motion.walk(np.random.default_rng(0), **options):
        people = tracker.update(motion.seen(moment, faults), moment.time)
        truth = (moment.keypoints, moment.areas, moment.persons)
        figures.update(*truth, people.keypoints, people.ids)
    return figures.result()


def test_a_faulty_detector_of_walking_figures():
    found = score(oks_similarity, frames=50)
    assert found["identity/IDF1"] > 0.85 and found["identity/switches"] <= 1
