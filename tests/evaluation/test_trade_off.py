"""Which settings are worth their time, against plain loops; agreement by OKS."""

import numpy as np
import pytest

from multiposenet.evaluation import coco, trade_off
from multiposenet.poses import Poses
from multiposenet.skeleton import LSP_14


def test_worthwhile_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 20):
        ms, quality = rng.integers(1, 6, count), rng.integers(0, 5, count) / 4
        expected = [
            not any(
                (ms[b] < ms[a] and quality[b] >= quality[a])
                or (ms[b] <= ms[a] and quality[b] > quality[a])
                for b in range(count)
            )
            for a in range(count)
        ]
        assert trade_off.worthwhile(ms, quality).tolist() == expected


@pytest.mark.parametrize(
    "most, place",
    [(None, 1), (1000, 2), (50, 1), (40, 0), (10, 0), (3, 0)],
    ids=["near the best", "the best", "within", "one", "just", "none: the fastest"],
)
def test_proposed(most, place):
    ms, quality = [10, 45, 90, 100], [0.2, 0.395, 0.4, 0.3]
    assert trade_off.proposed(ms, quality, most) == place


def test_of_equally_good_ones_the_faster():
    assert trade_off.proposed([30, 20, 25], [0.4, 0.4, 0.1], 100) == 1


def poses(points, scores):
    count = len(points)
    return Poses(
        boxes=[[x, y, x + 50, y + 100] for x, y in points],
        box_scores=scores,
        keypoints=[np.add([x, y], np.arange(28).reshape(14, 2)) for x, y in points],
        keypoint_scores=np.full((count, 14), 0.9),
        scores=scores,
        skeleton=LSP_14,
        image_size=(200, 300),
    )


def test_agreement_is_one_with_oneself_and_falls_with_what_is_missed_or_moved():
    found = [poses([(10, 10), (150, 20)], [0.9, 0.6]), None, poses([(30, 30)], [0.8])]
    doubted = [poses([(10, 10), (150, 20), (80, 80)], [0.9, 0.6, 0.1]), None, found[2]]
    labels = trade_off.as_labels(doubted, LSP_14, 0.5)
    assert len(labels.persons) == 3 and labels.image_ids.tolist() == [0, 2]

    def agreement(answers):
        rows = [row for place, p in enumerate(answers) if p is not None for row in p.to_coco(place)]
        return coco.evaluate_keypoints(labels, rows)["keypoints/AP"]

    assert agreement(doubted) == agreement(found) == 1
    assert 0.4 < agreement([found[0], None, None]) < 0.8  # two of three
    moved = [poses([(16, 10), (156, 20)], [0.9, 0.6]), None, poses([(36, 30)], [0.8])]
    assert 0 < agreement(moved) < 1
