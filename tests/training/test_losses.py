"""Losses of the person subnet against keras-retinanet's values and a plain loop."""

import math
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from multiposenet.training.losses import (
    binary_crossentropy,
    binary_crossentropy_of_logs,
    focal,
    smooth_l1,
)

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "keras_retinanet.npz")
CASES = ["mixed", "no_positive", "all"]


def case(name):
    keys = ("labels", "logits", "targets", "predictions")
    return [REFERENCE[f"loss_{name}_{key}"] for key in keys]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 1.5)])
def test_focal_equals_keras_retinanet(name, alpha, gamma):
    labels, logits, _, _ = case(name)
    value = float(focal(labels, logits, gamma=gamma, alpha=alpha))
    # keras-retinanet clips probabilities to 1e-7 and adds 1e-7 under the logarithm.
    assert value == pytest.approx(float(REFERENCE[f"loss_{name}_focal_{alpha}_{gamma}"]), rel=1e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sigma", [3.0, 1.5])
def test_smooth_l1_equals_keras_retinanet(name, sigma):
    labels, _, targets, predictions = case(name)
    value = float(smooth_l1(labels, targets, predictions, sigma=sigma))
    assert value == pytest.approx(float(REFERENCE[f"loss_{name}_smooth_l1_{sigma}"]), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_losses_equal_a_loop(name):
    labels, logits, targets, predictions = case(name)
    positives = max(1, int((labels == 1).sum()))
    classification = regression = 0.0
    for index in np.ndindex(labels.shape):
        p = 1 / (1 + math.exp(-logits[index]))
        if labels[index] == 1:
            classification -= 0.25 * (1 - p) ** 2 * math.log(p)
            for a, b in zip(targets[index], predictions[index], strict=True):
                e = abs(float(a) - float(b))
                regression += 4.5 * e * e if e < 1 / 9 else e - 0.5 / 9
        elif labels[index] == 0:
            classification -= 0.75 * p**2 * math.log(1 - p)
    assert float(focal(labels, logits)) == pytest.approx(classification / positives, rel=1e-5)
    value = float(smooth_l1(labels, targets, predictions))
    assert value == pytest.approx(regression / positives, rel=1e-5)


def test_focal_stays_finite_and_grows_when_surely_wrong():
    values = [float(focal([[1]], [[-logit]])) for logit in (10.0, 100.0, 1000.0)]
    assert values == pytest.approx([0.25 * 10, 0.25 * 100, 0.25 * 1000], rel=1e-3)
    assert float(focal([[1, 0]], [[1000.0, -1000.0]])) == 0


def test_ignored_anchors_and_regression_of_negatives_do_not_count():
    labels = np.array([[1, 0, -1]])
    logits = np.array([[0.3, -0.2, 5.0]], "float32")
    changed = np.array([[0.3, -0.2, -50.0]], "float32")
    assert float(focal(labels, logits)) == float(focal(labels, changed))
    zeros = np.zeros((1, 3, 4), "float32")
    far = zeros.copy()
    far[0, 1:] = 1e6
    assert float(smooth_l1(labels, zeros, far)) == 0


def test_normalised_by_the_positives_of_the_whole_batch():
    labels = np.array([[1, 1, 1], [0, 0, 1]])
    logits = np.zeros((2, 3), "float32")
    expected = (4 * 0.25 + 2 * 0.75) * 0.25 * math.log(2) / 4
    assert float(focal(labels, logits)) == pytest.approx(expected, rel=1e-6)


def test_smooth_l1_is_continuous_at_the_bend():
    predictions = np.full((1, 1, 4), 1 / 9, "float32") + np.array([[-1e-5, 0, 1e-5, 0]], "float32")
    value = float(smooth_l1([[1]], np.zeros((1, 1, 4)), predictions))
    assert value == pytest.approx(4 * 0.5 / 9, rel=1e-5)
    assert float(ops.sum(smooth_l1([[1]], np.ones((1, 1, 4)), np.ones((1, 1, 4))))) == 0


def test_binary_crossentropies_of_logits_and_of_logarithms_equal_a_loop():
    rng = np.random.default_rng(0)
    target, logits = rng.uniform(size=(3, 4)), rng.normal(0, 4, (3, 4))
    target, logits = target.astype("float32"), logits.astype("float32")
    p = 1 / (1 + np.exp(-logits.astype("float64")))
    expected = -target * np.log(p) - (1 - target) * np.log(1 - p)
    found = ops.convert_to_numpy(binary_crossentropy(target, logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    logs = (ops.convert_to_tensor(np.log(x).astype("float32")) for x in (p, 1 - p))
    found = ops.convert_to_numpy(binary_crossentropy_of_logs(ops.convert_to_tensor(target), *logs))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
