"""K-means under OKS: against all partitions of small sets, and on clusters that are known."""

import itertools

import numpy as np
import pytest

from multiposenet.maths.similarity import oks
from multiposenet.skeleton import COCO_17
from multiposenet.training.proposals.pose_clusters import assign, cluster

SIGMAS = np.array([0.05, 0.08, 0.1])
AREA = 1.0


def objective(poses, visible, centre):
    """Sum of OKS of poses and one centre, by the function that evaluates detections."""
    keypoints = np.concatenate([poses, 2.0 * visible[..., None]], axis=-1)
    areas = np.full(len(poses), AREA)
    return oks(keypoints, areas, centre[None], SIGMAS)[:, 0].sum()


def best_centre(poses, visible):
    """Each keypoint alone: the place, of a fine grid, where the sum of its terms is greatest."""
    axis = np.linspace(-0.2, 1.2, 141)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    centre = np.zeros(poses.shape[1:])
    for keypoint, sigma in enumerate(SIGMAS):
        squared = ((grid[:, None] - poses[None, :, keypoint]) ** 2).sum(-1)
        terms = np.exp(-squared / (2 * AREA * (2 * sigma) ** 2)) * visible[:, keypoint]
        centre[keypoint] = grid[(terms / visible.sum(axis=1)).sum(axis=1).argmax()]
    return centre


def brute_force(poses, visible):
    """The greatest objective of all partitions into two clusters."""
    best = 0.0
    for chosen in itertools.product((False, True), repeat=len(poses) - 1):
        own = np.array([False, *chosen])
        parts = [part for part in (own, ~own) if part.any()]
        best = max(
            best,
            sum(objective(poses[p], visible[p], best_centre(poses[p], visible[p])) for p in parts),
        )
    return best / len(poses)


@pytest.mark.parametrize("seed", range(4))
def test_as_good_as_the_best_partition(seed):
    rng = np.random.default_rng(seed)
    means = rng.uniform(0.2, 0.8, (2, 3, 2))
    poses = means[rng.integers(2, size=7)] + rng.normal(0, 0.08, (7, 3, 2))
    visible = rng.random((7, 3)) < 0.8
    visible[:, 0] = True
    found = cluster(poses, visible, AREA, SIGMAS, 2, seed=seed, restarts=8)
    assert found.objective >= brute_force(poses, visible) - 1e-3  # the grid's step
    recomputed = [
        objective(poses[i : i + 1], visible[i : i + 1], np.nan_to_num(found.centres[member]))
        for i, member in enumerate(found.members)
    ]
    np.testing.assert_allclose(found.similarity, recomputed, atol=1e-9)


def known(rng, people=(60, 30, 10)):
    means = rng.uniform(0, 1, (len(people), 17, 2))
    truth = np.repeat(np.arange(len(people)), people)
    return means, truth, means[truth] + rng.normal(0, 0.002, (len(truth), 17, 2))


def test_finds_known_clusters_the_largest_first():
    means, truth, poses = known(np.random.default_rng(0))
    visible = np.ones(poses.shape[:2], bool)
    found = cluster(poses, visible, 1.0, COCO_17.sigmas, 3)
    assert (found.members == truth).all()
    np.testing.assert_allclose(found.shares, [0.6, 0.3, 0.1])
    np.testing.assert_allclose(found.centres, means, atol=0.002)
    assert found.objective > 0.98


def test_what_is_not_visible_does_not_count():
    means, truth, poses = known(np.random.default_rng(1))
    visible = np.random.default_rng(2).random(poses.shape[:2]) < 0.6
    visible[:, 3] = False
    wild = np.where(visible[..., None], poses, np.nan)
    found = cluster(wild, visible, 1.0, COCO_17.sigmas, 3, restarts=8)
    assert (found.members == truth).all()
    assert np.isnan(found.centres[:, 3]).all()
    kept = np.arange(17) != 3
    np.testing.assert_allclose(found.centres[:, kept], means[:, kept], atol=0.002)


def test_members_are_assigned_as_they_were_clustered():
    _, _, poses = known(np.random.default_rng(4))
    poses += np.random.default_rng(5).normal(0, 0.2, poses.shape)
    visible = np.random.default_rng(6).random(poses.shape[:2]) < 0.7
    visible[:, 0] = True
    found = cluster(poses, visible, 1.0, COCO_17.sigmas, 4)
    poses[~visible] = np.nan
    np.testing.assert_array_equal(assign(poses, found.centres, 1.0, COCO_17.sigmas), found.members)


def test_equal_poses_and_one_cluster_each():
    poses = np.repeat(np.random.default_rng(0).uniform(size=(1, 3, 2)), 4, axis=0)
    found = cluster(poses, np.ones((4, 3), bool), AREA, SIGMAS, 4)
    assert found.objective == pytest.approx(1)
    assert found.shares.sum() == pytest.approx(1)


def test_is_deterministic():
    _, _, poses = known(np.random.default_rng(3))
    visible = np.ones(poses.shape[:2], bool)
    first, again = (cluster(poses, visible, 1.0, COCO_17.sigmas, 5, seed=7) for _ in range(2))
    assert (first.members == again.members).all() and (first.centres == again.centres).all()


def test_names_what_is_wrong():
    poses, visible = np.zeros((2, 3, 2)), np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="count: 3 clusters of 2 poses"):
        cluster(poses, visible, AREA, SIGMAS, 3)
    with pytest.raises(ValueError, match="without any keypoint"):
        cluster(poses, np.zeros((2, 3), bool), AREA, SIGMAS, 1)
