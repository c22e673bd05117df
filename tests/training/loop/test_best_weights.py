"""The weights of the best validation are left, and a stage ends that waits for better in vain."""

import numpy as np
import pytest
from line_runs import FILES, fit, log, plain, record
from small_stage import recipe, weights

from multiposenet.errors import WeightsError

pytestmark = pytest.mark.usefixtures("eagerly")


class Figures:
    """Figures that are given, and the weights that the stage had when it was measured."""

    def __init__(self, stage, *values):
        self.stage, self.values, self.seen = stage, iter(values), []

    def __call__(self):
        self.seen.append(weights(self.stage))
        return {"AP": next(self.values)}


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_best_weights_are_left(tmp_path):
    stage = plain()
    validate = Figures(stage, 0.1, 0.5, 0.3, 0.2)
    fit(tmp_path, 20, stage=stage, plan=recipe(keep_best=True), validate=validate)
    assert equal(weights(stage), validate.seen[1]) and not equal(weights(stage), validate.seen[3])
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"line_best.npz"}
    assert record(tmp_path)["starts"][-1]["ended"] == 20
    assert record(tmp_path)["starts"][-1]["left_with"] == 10


def test_the_last_are_left_where_they_are_the_best_or_nothing_is_measured(tmp_path):
    stage = plain()
    validate = Figures(stage, 0.1, 0.5)
    fit(tmp_path / "a", 10, stage=stage, plan=recipe(keep_best=True), validate=validate)
    assert equal(weights(stage), validate.seen[-1])
    other = fit(tmp_path / "b", 10, plan=recipe(keep_best=True))
    assert equal(weights(other), weights(stage))


def test_patience_ends_a_stage(tmp_path):
    stage = plain()
    validate = Figures(stage, 0.3, 0.4, 0.1, 0.2, 0.9)
    patient = recipe(keep_best=True, patience=2)
    fit(tmp_path, 50, stage=stage, plan=patient, validate=validate)
    assert len(validate.seen) == 4 and equal(weights(stage), validate.seen[1])
    assert record(tmp_path)["starts"][-1]["ended"] == 20
    assert [line["step"] for line in log(tmp_path) if "validation" in line] == [5, 10, 15, 20]
    again = plain()
    fit(tmp_path, 50, stage=again, plan=patient, validate=validate, resume=True)  # is not asked
    assert equal(weights(again), weights(stage))


def test_a_run_that_goes_on_knows_its_best(tmp_path):
    plan = recipe(keep_best=True)
    whole, first, second = plain(), plain(), plain()
    fit(tmp_path / "a", 20, stage=whole, plan=plan, validate=Figures(whole, 0.5, 0.1, 0.2, 0.3))
    for steps, stage, values in ((10, first, (0.5, 0.1)), (20, second, (0.2, 0.3))):
        options = {"plan": plan, "validate": Figures(stage, *values), "resume": True}
        fit(tmp_path / "b", steps, stage=stage, **options)
    assert record(tmp_path / "b")["starts"][-1]["left_with"] == 5
    assert equal(weights(first), weights(second))
    (tmp_path / "b" / "line_best.npz").write_bytes(b"torn")
    with pytest.raises(WeightsError, match="line_best.npz: file: missing or damaged"):
        fit(tmp_path / "b", 30, plan=plan, resume=True)


def test_patience_needs_validations():
    with pytest.raises(ValueError, match="validate_every: 0 is out of range"):
        recipe(patience=2, validate_every=0)
