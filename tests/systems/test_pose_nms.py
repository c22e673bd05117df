"""Rules of pose NMS on `Poses`: which are kept, and with which scores."""

import json

import numpy as np
import pytest
import suppression_loops as loops

from multiposenet.errors import InputError
from multiposenet.maths.similarity import oks
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17
from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS, distinct, rule


def poses():
    """Two people, the first found twice; the middle pose scores best."""
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 100, (2, 17, 2))
    keypoints = np.stack([one + 1, one, other + (300, 0)])
    boxes = [[0, 0, 100, 100], [0, 0, 100, 100], [300, 0, 400, 100]]
    return Poses(
        boxes, [0.9] * 3, keypoints, np.full((3, 17), 0.8), [0.6, 0.9, 0.7], COCO_17, (100, 400)
    )


def alike():
    """OKS of the two poses of the first person."""
    found = poses()
    truth = np.concatenate([found.keypoints[1:2], np.ones((1, 17, 1))], axis=-1)
    return float(oks(truth, np.array([1e4]), found.keypoints[:1], COCO_17.sigmas)[0, 0])


def test_none_keeps_all_best_first():
    np.testing.assert_allclose(distinct(poses(), None).scores, [0.9, 0.7, 0.6])


def test_parametric_nms_equals_the_loop():
    keypoints, found, scores, boxes = loops.candidates(np.random.default_rng(5), 4, 5)
    several = Poses(boxes, scores, keypoints, found, scores, COCO_17, (900, 900))
    kept = distinct(several, PoseNMSParameters(eta=8))
    expected = loops.pose_nms(keypoints, found, scores, boxes, 0.3, 0.01, 1.0, 8)
    assert 4 <= len(kept) < 20
    np.testing.assert_array_equal(kept.scores, np.float32(scores)[expected])
    assert len(distinct(Poses.empty(COCO_17, (9, 9)), PoseNMSParameters())) == 0


def test_oks_decides():
    assert 0.5 < alike() < 1
    np.testing.assert_allclose(distinct(poses(), OKSNMS(alike() - 1e-3)).scores, [0.9, 0.7])
    assert len(distinct(poses(), OKSNMS(alike() + 1e-3))) == 3


def test_soft_oks_lowers_scores():
    found = distinct(poses(), SoftOKSNMS(width=0.5))
    lowered = 0.6 * np.exp(-(alike() ** 2) / 0.5)
    np.testing.assert_allclose(found.scores, [0.9, 0.7, lowered], rtol=1e-4)
    assert len(distinct(poses(), SoftOKSNMS(0.5, minimum=lowered + 1e-3))) == 2


def test_rules_by_name(tmp_path):
    assert rule("oks") == OKSNMS() and rule("soft-oks") == SoftOKSNMS() and rule("none") is None
    path = tmp_path / "learnt.json"
    path.write_text(json.dumps({"sigma1": 0.1, "sigma2": 0.2, "distance_weight": 0.3, "eta": 0.4}))
    assert rule(str(path)) == PoseNMSParameters(0.1, 0.2, 0.3, 0.4)
    with pytest.raises(InputError, match="ok: file: "):
        rule("ok")


@pytest.mark.parametrize("wrong", [{"width": 0}, {"minimum": -1.0}, {"width": np.nan}])
def test_parameters_out_of_range(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: .*; give"):
        SoftOKSNMS(**wrong)
