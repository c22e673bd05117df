"""The training loop: steps, checkpoints, going on, stopping, validation, precision."""

import json
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from line_runs import FILES, fit, log, make, plain, poisoned, record
from small_stage import Stage, batch, recipe, weights

from multiposenet.errors import InputError, TrainingError
from multiposenet.training.loop.checkpoint import checkpoint_path
from multiposenet.training.loop.engine import Engine

pytestmark = pytest.mark.usefixtures("eagerly")


class Counted(Stage):
    """Keeps the first layer's kernel after each step."""

    def train_on_batch(self, x, y, **options):
        result = super().train_on_batch(x, y, **options)
        self.kernels = [*getattr(self, "kernels", []), weights(self)[0]]
        return result


def test_learns(traced, tmp_path):
    fit(tmp_path, 60, log_every=20)
    lines = log(tmp_path)
    assert [line["step"] for line in lines] == [20, 40, 60]
    assert lines[2]["loss"] < 0.5 * lines[0]["loss"]
    assert {"loss", "error", "gradient", "learning_rate"} <= set(lines[0])
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_the_log_has_means_of_the_steps(tmp_path):
    fit(tmp_path / "each", 6, log_every=1)
    fit(tmp_path / "all", 6, log_every=6)
    each, mean = log(tmp_path / "each"), log(tmp_path / "all")[0]
    for name in ("loss", "error", "gradient"):
        assert mean[name] == pytest.approx(np.mean([line[name] for line in each]), rel=1e-4)
    assert mean["learning_rate"] == each[-1]["learning_rate"]


def test_leaves_the_averaged_weights(tmp_path):
    """w_ema = m w_ema + (1 - m) w after every step, beginning with the first step's weights; after
    t steps m is t / (9 + t), but not more than the recipe's."""
    stage = fit(tmp_path, 5, stage=plain(Counted), plan=recipe(ema=0.25))
    average = stage.kernels[0]
    for kernel, momentum in zip(stage.kernels[1:], (1 / 10, 2 / 11, 1 / 4, 1 / 4), strict=True):
        average = momentum * average + (1 - momentum) * kernel
    np.testing.assert_allclose(weights(stage)[0], average, rtol=1e-5)


def test_without_averaging_it_leaves_the_last_weights(tmp_path):
    stage = fit(tmp_path, 3, stage=plain(Counted), plan=recipe(ema=0.0))
    np.testing.assert_array_equal(weights(stage)[0], stage.kernels[-1])


def test_no_decay_and_no_clipping_is_plain_adam(traced, tmp_path):
    plan = recipe(weight_decay=0.0, clip_norm=0.0, ema=0.0, schedule="constant", warmup=0)
    expected = plain()
    expected.compile(keras.optimizers.Adam(0.05))
    for step in range(4):
        expected.train_on_batch(*batch(step))
    stage = fit(tmp_path, 4, plan=plan)
    for found, wanted in zip(weights(stage), weights(expected), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_step_that_fails_loses_only_what_came_after_the_checkpoint(traced, tmp_path):
    """Batches are drawn again from the checkpoint on, and the log does not repeat itself."""
    expected = weights(fit(tmp_path / "whole", 7, stage=make(dropout=0.0), log_every=3))

    class Stop(Exception):
        pass

    def interrupted(step):
        if step == 5:
            raise Stop
        return batch(step)

    run, seen = tmp_path / "parts", []
    options = {"log_every": 3, "checkpoint_every": 2}
    with pytest.raises(Stop):
        fit(run, 7, interrupted, stage=make(dropout=0.0), **options)
    with (run / "line.jsonl").open("a") as file:
        file.write('{"step": 5, "loss": 1.0}\n{"st')  # as if killed while writing

    def rest(step):
        seen.append(step)
        return batch(step)

    resumed = fit(run, 7, rest, stage=make(dropout=0.0), resume=True, **options)
    statistics = range(7)  # drawn again at the end, for the batch statistics
    assert sorted(seen) == sorted([4, 5, 6, *statistics])
    for found, wanted in zip(weights(resumed), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)
    assert [line["step"] for line in log(run)] == [3, 6, 7]
    assert [start["step"] for start in record(run)["starts"]] == [0, 4]


def test_resuming_what_is_complete(tmp_path):
    """As after a kill between the last step and the batch statistics."""
    expected = weights(fit(tmp_path, 4, stage=make()))
    again = fit(tmp_path, 4, stage=make(), resume=True)
    for found, wanted in zip(weights(again), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_sizes_that_change_round_as_after_resuming(traced, tmp_path):
    """A function made for two sizes need not round as one that has seen only the second."""

    class Sized(Stage):
        def call(self, x, training=None):
            self.sizes = [*getattr(self, "sizes", []), x.shape[1]]
            return self.net(x[:, :3], training=training)

    def growing(step):
        x, y = batch(step)
        return np.pad(x, ((0, 0), (0, 2 * (step >= 3)))), y

    stage = plain(Sized)
    fit(tmp_path, 6, growing, stage=stage)
    assert set(stage.sizes) == {3, 5}  # never of unknown size


def test_an_earlier_run_is_not_overwritten(tmp_path):
    fit(tmp_path, 3)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(InputError, match="line.npz: checkpoint: .*--resume or use another folder"):
        fit(tmp_path, 3)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_the_initial_weights_are_in_the_first_checkpoint(tmp_path):
    def fails(step):
        raise KeyError(step)

    with pytest.raises(KeyError):
        fit(tmp_path / "parts", 3, fails)
    keras.utils.set_random_seed(5)
    other = Stage(norm=False, dropout=0.0)
    assert not np.array_equal(weights(other)[0], weights(plain())[0])
    fit(tmp_path / "parts", 3, stage=other, resume=True)
    expected = fit(tmp_path / "whole", 3)
    np.testing.assert_allclose(weights(other)[0], weights(expected)[0], rtol=1e-6)


@pytest.mark.parametrize("log_every", [1, 100])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, log_every):
    expected = "line: loss: is nan at step 5, batch 4 .photo_4.jpg.; "
    with pytest.raises(TrainingError, match=expected) as error:
        fit(tmp_path, 9, poisoned(at=4), checkpoint_every=2, log_every=log_every)
    assert isinstance(error.value, FloatingPointError) and "\n" not in str(error.value)
    with np.load(checkpoint_path(tmp_path, "line")) as file:
        assert json.loads(str(file["notes"]))["step"] == 4
    resumed = fit(tmp_path, 9, checkpoint_every=2, resume=True)
    assert all(np.isfinite(weight).all() for weight in weights(resumed))


def test_a_gradient_that_is_not_finite_stops(tmp_path):
    """Infinite slope at a finite loss."""

    class Steep(Stage):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.sum(ops.sqrt(ops.relu(y_pred - ops.stop_gradient(y_pred))))

    with pytest.raises(TrainingError, match="line: gradient: is (nan|inf) at step 1, batch 0"):
        fit(tmp_path, 3, stage=plain(Steep))


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path):
    class Broken(Stage):
        def train_on_batch(self, x, y, **options):
            result = super().train_on_batch(x, y, **options)
            if int(self.optimizer.iterations) == 3:
                self.weights[1].assign(np.full(6, np.inf))
            return result

    with pytest.raises(TrainingError, match="line: .*bias: is not finite at step 3"):
        fit(tmp_path, 3, stage=Broken())
    with np.load(checkpoint_path(tmp_path, "line")) as file:
        assert json.loads(str(file["notes"]))["step"] == 0


def test_the_record(tmp_path):
    class Batches:
        fingerprint = "data of today"

        def __call__(self, step):
            return batch(step)

    fit(tmp_path, 3, Batches())
    fit(tmp_path, 3, Batches(), resume=True)
    found = record(tmp_path)
    assert (found["stage"], found["steps"], found["data"]) == ("line", 3, "data of today")
    assert found["recipe"]["learning_rate"] == 0.05 and found["seed"] == 0
    first, second = found["starts"]
    assert (first["step"], second["step"]) == (0, 3)
    assert first["versions"]["keras"] == keras.__version__
    assert {"multiposenet", "numpy", "python", keras.backend.backend()} <= set(first["versions"])
    assert {"seconds", "waiting", "samples/s"} <= set(first)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    if head.returncode == 0:
        assert first["git"]["revision"] == head.stdout.strip()
        assert first["git"]["changed"] in (True, False)


def test_validation_sees_the_weights_that_would_be_left(traced, tmp_path):
    """And the training does not notice it, batch statistics and dropout included."""
    seen = {}

    def validate(stage):
        def figures():
            seen[int(ops.convert_to_numpy(stage.optimizer.iterations))] = weights(stage)
            return {"kernel": float(-len(seen))}

        return figures

    stage = make()
    fit(tmp_path / "seen", 10, stage=stage, validate=validate(stage))
    unseen = fit(tmp_path / "unseen", 10, stage=make())
    for found, expected in zip(weights(stage), weights(unseen), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert list(seen) == [5, 10]
    for found, expected in zip(seen[10], weights(stage), strict=True):
        np.testing.assert_array_equal(found, expected)
    lines = [line for line in log(tmp_path / "seen") if "validation" in line]
    assert [line["validation"] for line in lines] == [{"kernel": -1.0}, {"kernel": -2.0}]
    assert [line["best"]["step"] for line in lines] == [5, 5]


def test_plateau_lowers_the_learning_rate(tmp_path):
    plan = recipe(schedule="plateau", plateau_patience=2, validate_every=2, warmup=0)
    figures = iter([0.1, 0.2, 0.2, 0.1, 0.1, 0.1])  # two without a better one after 4 checks
    fit(tmp_path, 12, plan=plan, log_every=1, validate=lambda: {"AP": next(figures)})
    rates = [line["learning_rate"] for line in log(tmp_path) if "loss" in line]
    assert rates == pytest.approx([0.05] * 8 + [0.005] * 4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an option of TensorFlow")
def test_bfloat16_kernels_are_left_as_they_were(tmp_path):
    import tensorflow as tf

    def option():
        options = tf.config.optimizer.get_experimental_options()
        return options.get("auto_mixed_precision_onednn_bfloat16", False)

    within = []
    before = option()
    fit(
        tmp_path,
        1,
        plan=recipe(precision="onednn_bfloat16"),
        validate=lambda: within.append(option()) or {"x": 0.0},
    )
    assert within == [True] and option() == before
    with pytest.raises(TrainingError):
        fit(tmp_path / "fails", 1, poisoned(0), plan=recipe(precision="onednn_bfloat16"))
    assert option() == before


def test_bfloat16_has_float32_weights_inputs_and_losses(tmp_path):
    kinds = {}

    class Noted(Stage):
        def call(self, x, training=None):
            kinds["input"] = keras.backend.standardize_dtype(x.dtype)
            output = super().call(x, training=training)
            kinds["output"] = keras.backend.standardize_dtype(output.dtype)
            return output

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            kinds["loss"] = keras.backend.standardize_dtype(y_pred.dtype)
            return super().compute_loss(x, y, y_pred)

    policy = keras.config.dtype_policy().name
    engine = Engine(precision="bfloat16")
    with engine.scope():
        stage = Noted(dropout=0.0)
    assert keras.config.dtype_policy().name == policy
    fit(tmp_path, 40, stage=stage, plan=recipe(precision="bfloat16"), engine=engine, log_every=10)
    assert kinds == {"input": "float32", "output": "bfloat16", "loss": "float32"}
    assert {weight.dtype for weight in stage.weights} == {"float32"}
    losses = [line["loss"] for line in log(tmp_path) if "loss" in line]
    assert losses[-1] < 0.7 * losses[0]


def test_a_stage_from_outside_the_scope_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"precision: .* make it in engine.scope\(\)"):
        fit(tmp_path, 1, plan=recipe(precision="bfloat16"))


def test_more_devices_than_there_are():
    with pytest.raises(InputError, match="devices: "):
        Engine(devices=99)


def test_a_batch_that_cannot_be_divided(tmp_path):
    plan = recipe(batch_size=16, accumulate=16)
    with pytest.raises(ValueError, match="batch: 8 samples cannot be divided by 16"):
        fit(tmp_path, 1, plan=plan)
