"""The learning rate of every step."""

import numpy as np
import pytest
from small_stage import recipe

from multiposenet.training.loop.schedules import Schedule


def test_cosine():
    schedule = Schedule(recipe(learning_rate=2.0, warmup=4), steps=24)
    values = [schedule(step) for step in range(25)]
    np.testing.assert_allclose(values[:4], [0.5, 1.0, 1.5, 2.0])
    assert values[4] == 2.0
    assert values[14] == pytest.approx(2 * (0.01 + 0.99 / 2))  # half-way down
    assert values[9] == pytest.approx(2 * (0.01 + 0.99 * (1 + np.sqrt(0.5)) / 2))
    assert values[24] == pytest.approx(0.02) and schedule(90) == pytest.approx(0.02)


def test_without_warmup():
    assert Schedule(recipe(learning_rate=1.0, warmup=0), steps=10)(0) == 1.0


def test_constant():
    schedule = Schedule(recipe(learning_rate=1.0, warmup=2, schedule="constant"), steps=10)
    assert [schedule(step) for step in (0, 1, 2, 9, 99)] == [0.5, 1.0, 1.0, 1.0, 1.0]


def plateau():
    return Schedule(
        recipe(
            learning_rate=1.0, warmup=0, schedule="plateau", plateau_patience=2, plateau_factor=0.1
        ),
        steps=100,
    )


def test_plateau_waits_for_the_best_figure():
    schedule, rates = plateau(), []
    for figure in (0.3, 0.2, 0.4, 0.4, 0.4, 0.1, 0.39):
        schedule.check({"AP": figure, "AP50": 1.0})
        rates.append(schedule(50))
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01])


def test_plateau_of_the_training_loss():
    """The mean since the last check counts, where nothing is validated."""
    schedule, rates = plateau(), []
    for losses in ([4.0, 2.0], [2.0, 2.0], [1.0, 5.0], [2.0]):
        for loss in losses:
            schedule.after_step(loss)
        schedule.check({})
        rates.append(schedule(50))
    assert rates == pytest.approx([1, 1, 1, 0.1])


def test_state_goes_on():
    first, second = plateau(), plateau()
    for figure in (0.5, 0.4):
        first.check({"AP": figure})
    second.state = dict(first.state)
    second.check({"AP": 0.4})
    assert second(0) == pytest.approx(0.1)
