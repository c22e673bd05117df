"""Gaussian mixtures: densities of SciPy, closed forms, an objective that only climbs."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from multiposenet.training.proposals import mixtures


def test_density_is_scipys():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(2, 3, 3))
    covariances = factor @ factor.transpose(0, 2, 1) + np.eye(3)
    mixture = mixtures.Mixture(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), covariances)
    samples = rng.normal(size=(20, 3))
    expected = sum(
        weight * multivariate_normal(mean, covariance).pdf(samples)
        for weight, mean, covariance in zip(*vars(mixture).values(), strict=True)
    )
    np.testing.assert_allclose(mixture.log_density(samples), np.log(expected), rtol=1e-9)


def test_one_gaussian_is_the_closed_form():
    """Normal-inverse-Wishart: the moments of samples and virtual samples together."""
    rng = np.random.default_rng(1)
    samples = rng.normal(2.0, 1.0, (7, 2)) @ [[1, 0.5], [0, 2]]
    prior = mixtures.Mixture(np.ones(1), np.array([[1.0, -1.0]]), np.diag([2.0, 3.0])[None])
    found, _ = mixtures.fit(samples, prior, strength=3.0)
    mean = (samples.sum(axis=0) + 3 * prior.means[0]) / 10
    total = 3 * (prior.covariances[0] + np.outer(prior.means[0] - mean, prior.means[0] - mean))
    for sample in samples:
        total = total + np.outer(sample - mean, sample - mean)
    np.testing.assert_allclose(found.means[0], mean)
    np.testing.assert_allclose(found.covariances[0], total / 10)
    weak, _ = mixtures.fit(samples, prior, strength=1e-9)
    np.testing.assert_allclose(weak.covariances[0], np.cov(samples.T, bias=True), rtol=1e-6)


@pytest.mark.parametrize("strength", (0.5, 30.0))
def test_the_objective_never_falls(strength):
    rng = np.random.default_rng(2)
    samples = np.concatenate([rng.normal(m, s, (40, 4)) for m, s in ((0, 1), (1, 0.2), (3, 2))])
    prior = mixtures.start(samples, 3)
    found, objectives = mixtures.fit(samples, prior, strength)
    assert len(objectives) > 5 and (np.diff(objectives) > -1e-9).all()
    # Against the definition, written with densities.
    virtual = sum(
        weight * (np.log(own) - 0.5 * (np.linalg.slogdet(2 * np.pi * covariance)[1] + np.trace(
            np.linalg.inv(covariance) @ (spread + np.outer(centre - mean, centre - mean)))))
        for weight, centre, spread, own, mean, covariance in zip(
            *vars(prior).values(), *vars(found).values(), strict=True)
    )  # fmt: skip
    expected = found.log_density(samples).sum() + strength * virtual
    assert objectives[-1] <= expected + 1e-6 and expected == pytest.approx(objectives[-1], rel=1e-3)


def test_a_known_mixture_is_recovered():
    rng = np.random.default_rng(3)
    truth = mixtures.Mixture(
        np.array([0.7, 0.3]),
        np.array([[0.0, 0, 0, 0], [1, 1, 0, 0]]),
        np.stack([np.diag([0.02, 0.01, 0.01, 0.03]), np.diag([0.01, 0.02, 0.04, 0.01])]),
    )
    found = mixtures.select(truth.sample(rng, 1500))
    assert len(found.weights) == 2
    order = np.argsort(-found.weights)
    np.testing.assert_allclose(found.weights[order], truth.weights, atol=0.04)
    np.testing.assert_allclose(found.means[order], truth.means, atol=0.03)
    np.testing.assert_allclose(found.covariances[order], truth.covariances, atol=0.006)


def test_few_or_equal_samples():
    for samples in (np.ones((1, 4)), np.ones((9, 4)), np.eye(4)[:2]):
        found = mixtures.select(samples)
        drawn = found.sample(np.random.default_rng(0), 50)
        assert np.isfinite(drawn).all() and np.isfinite(found.log_density(samples)).all()
    prior = mixtures.start(np.random.default_rng(0).normal(size=(30, 4)), 2)
    same, _ = mixtures.fit(np.zeros((0, 4)), prior, strength=5.0)
    for name, values in vars(prior).items():
        np.testing.assert_allclose(getattr(same, name), values)
