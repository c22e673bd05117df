"""Gaussian mixtures with full covariances, by expectation-maximization.

A prior mixture counts as some virtual samples that are distributed like it: EM climbs the posterior
density instead of the likelihood, and just as surely; a component that few samples belong to stays
a proper Gaussian; and what has few samples of its own stays close to the mixture of all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

_FLOOR = 1e-8  # variance of samples that are all alike


@dataclass(frozen=True, eq=False)
class Mixture:
    """M Gaussians in D dimensions.

    Attributes:
        weights: (M,), of sum 1.
        means: (M, D).
        covariances: (M, D, D).
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def log_joint(self, samples) -> np.ndarray:
        """(n, M) logarithm of weight times density of every component, samples being (n, D)."""
        columns = []
        logs = np.log(self.weights)
        for weight, mean, covariance in zip(logs, self.means, self.covariances, strict=True):
            lower = np.linalg.cholesky(covariance)
            white = solve_triangular(lower, (samples - mean).T, lower=True)
            scale = np.log(np.diag(lower)).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
            columns.append(weight - scale - 0.5 * (white**2).sum(axis=0))
        return np.stack(columns, axis=1)

    def log_density(self, samples) -> np.ndarray:
        """(n,) logarithm of the density at samples (n, D)."""
        return logsumexp(self.log_joint(samples), axis=1)

    def sample(self, rng, count) -> np.ndarray:
        """Draws (count, D)."""
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        normal = rng.standard_normal((count, self.means.shape[1]))
        lower = np.linalg.cholesky(self.covariances)[component]
        return self.means[component] + np.einsum("nij,nj->ni", lower, normal)


def fit(samples, prior, strength, iterations=200, tolerance=1e-5) -> tuple[Mixture, list]:
    """Fits a mixture with as many components as its prior has, from which EM starts.

    Args:
        samples: (n, D); without any, the result is the prior.
        prior: a ``Mixture``.
        strength: virtual samples, more than 0; each component's share of them is its weight.
        iterations: at most.
        tolerance: EM ends when the objective, per sample, grows by less.

    Returns:
        The mixture, and the objective of every one before it: log-likelihood of the samples plus
        the expected one of the virtual samples, their components known.
    """
    samples = np.asarray(samples, np.float64)
    mixture, objectives = prior, []
    for _ in range(iterations):
        logs = mixture.log_joint(samples)
        total = logsumexp(logs, axis=1)
        objectives.append(float(total.sum() + strength * _expected(mixture, prior)))
        if len(objectives) > 1 and np.diff(objectives[-2:]) < tolerance * max(len(samples), 1):
            break
        mixture = _maximize(samples, np.exp(logs - total[:, None]), prior, strength)
    return mixture, objectives


def start(samples, components) -> Mixture:
    """A mixture to start from and to keep components proper.

    Their means are those of parts of equal size along the direction in which the samples vary
    most, their covariances that of all samples, divided between them (Fraley & Raftery 2007).
    """
    samples = np.asarray(samples, np.float64)
    count, size = samples.shape
    components = min(components, count)
    spread = np.cov(samples.T, bias=True).reshape(size, size) + _FLOOR * np.eye(size)
    along = np.argsort(samples @ np.linalg.eigh(spread)[1][:, -1], kind="stable")
    means = [samples[rows].mean(axis=0) for rows in np.array_split(along, components)]
    covariances = np.repeat(spread[None] / components ** (2 / size), components, axis=0)
    return Mixture(np.full(components, 1 / components), np.stack(means), covariances)


def select(samples, most=4) -> Mixture:
    """The mixture with the number of components, up to ``most``, that BIC finds best.

    Args:
        samples: (n, D), n at least 1.
        most: components; there are no more than samples.
    """
    count, size = np.shape(samples)
    best, least = None, np.inf
    for components in range(1, min(most, count) + 1):
        mixture, _ = fit(samples, start(samples, components), strength=size + 2)
        numbers = components * (1 + size + size * (size + 1) / 2) - 1
        criterion = numbers * np.log(count) - 2 * mixture.log_density(samples).sum()
        if criterion < least:
            best, least = mixture, criterion
    return best


def _maximize(samples, shares, prior, strength) -> Mixture:
    """The mixture of the greatest posterior density, given each component's share of the samples
    (n, M)."""
    virtual = strength * prior.weights
    counts = shares.sum(axis=0) + virtual
    means = shares.T @ samples + virtual[:, None] * prior.means
    means = means / counts[:, None]
    apart, aside = samples - means[:, None], prior.means - means
    scatter = (shares.T[..., None] * apart).transpose(0, 2, 1) @ apart
    own = prior.covariances + aside[:, :, None] * aside[:, None]
    covariances = (scatter + virtual[:, None, None] * own) / counts[:, None, None]
    return Mixture(counts / counts.sum(), means, covariances)


def _expected(mixture, prior) -> float:
    """Expected logarithm of weight times density of a sample of the prior, its component known."""
    aside = prior.means - mixture.means
    own = prior.covariances + aside[:, :, None] * aside[:, None]
    _, volumes = np.linalg.slogdet(2 * np.pi * mixture.covariances)
    spreads = np.trace(np.linalg.solve(mixture.covariances, own), axis1=1, axis2=2)
    return float(prior.weights @ (np.log(mixture.weights) - 0.5 * (volumes + spreads)))
