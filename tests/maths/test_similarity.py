"""OKS against a plain loop over the formula and against pycocotools."""

import math

import numpy as np

from multiposenet.maths.similarity import oks
from multiposenet.skeleton import COCO_17


def random_poses(rng, count):
    poses = np.concatenate(
        [rng.uniform(0, 200, (count, 17, 2)), rng.integers(0, 3, (count, 17, 1))], axis=-1
    )
    poses[:, 0, 2] = 2
    return poses


def test_equals_the_formula_in_a_loop():
    rng = np.random.default_rng(1)
    truths, poses = random_poses(rng, 4), random_poses(rng, 3)
    areas = rng.uniform(1e3, 1e5, 4)
    expected = np.zeros((4, 3))
    for n, truth in enumerate(truths):
        for m, pose in enumerate(poses):
            terms = []
            for (x, y, v), (u, w, _), sigma in zip(truth, pose, COCO_17.sigmas, strict=True):
                if v > 0:
                    squared = (x - u) ** 2 + (y - w) ** 2
                    terms.append(math.exp(-squared / (2 * areas[n] * (2 * sigma) ** 2)))
            expected[n, m] = sum(terms) / len(terms)
    found = oks(truths, areas, poses, COCO_17.sigmas)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(oks(truths, areas, poses[..., :2], COCO_17.sigmas), found)


def test_equals_pycocotools():
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(2)
    truths, poses = random_poses(rng, 5), random_poses(rng, 6)
    poses[:3] = truths[:3] + rng.normal(0, 3, (3, 17, 3))
    areas = np.array([0.0, 900, 5e3, 2e4, 1e5])
    evaluator = COCOeval(iouType="keypoints")
    evaluator._gts[1, 1] = [
        {"keypoints": pose.ravel().tolist(), "area": area, "bbox": [0, 0, 9, 9]}
        for pose, area in zip(truths, areas, strict=True)
    ]
    # Descending scores: the order is kept.
    evaluator._dts[1, 1] = [
        {"keypoints": pose.ravel().tolist(), "score": -i} for i, pose in enumerate(poses)
    ]
    expected = evaluator.computeOks(1, 1).T
    np.testing.assert_allclose(oks(truths, areas, poses, COCO_17.sigmas), expected, atol=1e-14)


def test_identity_and_absence():
    pose = random_poses(np.random.default_rng(3), 1)
    assert oks(pose, [500.0], pose, COCO_17.sigmas) == 1
    assert oks(pose, [0.0], pose, COCO_17.sigmas) == 1
    nobody = pose * (1, 1, 0)
    assert oks(nobody, [500.0], pose, COCO_17.sigmas) == 0
    assert oks(pose[:0], [], pose, COCO_17.sigmas).shape == (0, 1)
    assert oks(pose, [500.0], pose[:0], COCO_17.sigmas).shape == (1, 0)
