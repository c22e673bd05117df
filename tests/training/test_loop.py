"""The training loop: schedule, resuming, stopping, checkpoints, and the batches made ahead."""

import json
import threading
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

from multiposenet.errors import WeightsError
from multiposenet.training import loop
from multiposenet.training.loader import prefetch

RECIPE = SimpleNamespace(learning_rate=0.05, warmup=2, weight_decay=0.01, clip_norm=1.0, ema=0.8)


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """The precision is set for the whole process, so that later tests would have it, too."""
    monkeypatch.setattr(loop, "use_bfloat16_on_cpu", lambda: None)


class Stage(keras.Model):
    """Linear regression behind a batch normalization, whose averages a checkpoint must hold."""

    def __init__(self, width=1):
        super().__init__(name="line")
        normal = keras.initializers.RandomNormal(seed=1)
        self.norm = layers.BatchNormalization(momentum=0.7)
        self.dense = layers.Dense(width, kernel_initializer=normal)
        self.build((None, 3))

    def build(self, shape):
        self.norm.build(shape)
        self.dense.build(shape)
        self.built = True

    def call(self, x, training=None):
        return self.dense(self.norm(x, training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y["target"] - y_pred))


class Counted(Stage):
    """Counts its steps and keeps the kernel after each."""

    steps = 0

    def train_on_batch(self, x, y):
        result = super().train_on_batch(x, y)
        self.steps += 1
        kernels.append(ops.convert_to_numpy(self.dense.kernel))
        return result


kernels = []


def batch(step):
    x = np.random.default_rng(step).normal(2.0, 3.0, (8, 3)).astype("float32")
    return x, {"target": x @ np.array([[0.2], [-0.3], [0.1]], "float32")}


def weights(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def fit(run, steps, make_batch=batch, stage=None, **options):
    stage = stage or Stage()
    loop.fit(stage, make_batch, RECIPE, steps=steps, run=run, **options)
    return stage


def log(run):
    return [json.loads(line) for line in (run / "line.jsonl").read_text().splitlines()]


def test_schedule():
    schedule = loop.WarmupCosine(2.0, 4, 24)
    values = [float(schedule(step)) for step in range(25)]
    np.testing.assert_allclose(values[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-6)
    assert values[4] == pytest.approx(2.0)
    assert values[14] == pytest.approx(2 * (0.01 + 0.99 / 2))  # half-way down
    assert values[9] == pytest.approx(2 * (0.01 + 0.99 * (1 + np.sqrt(0.5)) / 2))
    assert values[24] == pytest.approx(0.02) and float(schedule(90)) == pytest.approx(0.02)
    again = loop.WarmupCosine(**schedule.get_config())
    assert float(again(7)) == values[7]


def test_schedule_without_warmup():
    assert float(loop.WarmupCosine(1.0, 0, 10)(0)) == pytest.approx(1.0)


def test_learns(tmp_path):
    fit(tmp_path, 60, log_every=20)
    losses = [line["loss"] for line in log(tmp_path)]
    assert [line["step"] for line in log(tmp_path)] == [20, 40, 60]
    assert losses[2] < 0.5 * losses[0]


def test_resumed_is_uninterrupted(tmp_path):
    expected = weights(fit(tmp_path / "whole", 7))

    class Stop(Exception):
        pass

    def interrupted(step):
        if step == 5:
            raise Stop
        return batch(step)

    with pytest.raises(Stop):
        fit(tmp_path / "parts", 7, interrupted, checkpoint_every=2)
    seen = []

    def rest(step):
        seen.append(step)
        return batch(step)

    resumed = fit(tmp_path / "parts", 7, rest, resume=True)
    statistics = range(7)  # drawn again at the end, for the batch statistics
    assert sorted(seen) == sorted([4, 5, 6, *statistics])
    for found, wanted in zip(weights(resumed), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_resuming_what_is_complete(tmp_path):
    expected = weights(fit(tmp_path, 4))
    again = fit(tmp_path, 4, resume=True)
    for found, wanted in zip(weights(again), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_leaves_the_averaged_weights(tmp_path):
    """w_ema = m w_ema + (1 - m) w after every step, beginning with the first step's weights."""
    kernels.clear()
    stage = fit(tmp_path, 5, stage=Counted())
    average = kernels[0]
    for kernel in kernels[1:]:
        average = 0.8 * average + 0.2 * kernel
    np.testing.assert_allclose(ops.convert_to_numpy(stage.dense.kernel), average, rtol=1e-5)


def test_without_resume_it_starts_anew(tmp_path):
    fit(tmp_path, 3)
    steps = []
    fit(tmp_path, 3, lambda step: steps.append(step) or batch(step))
    assert sorted(steps) == [0, 0, 1, 1, 2, 2]  # once for the statistics


@pytest.mark.parametrize("log_every", [1, 100])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path, log_every):
    def poisoned(step):
        x, y = batch(step)
        return x, {"target": y["target"] * (np.nan if step == 4 else 1)}

    with pytest.raises(FloatingPointError, match="line: loss is nan at step"):
        fit(tmp_path, 9, poisoned, checkpoint_every=2, log_every=log_every)
    resumed = Stage()
    resumed.load_weights(tmp_path / "line.weights.h5")
    assert all(np.isfinite(weight).all() for weight in weights(resumed))
    assert weights(fit(tmp_path, 4, resume=True))  # goes on from step 4


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path):
    class Broken(Stage):
        def train_on_batch(self, x, y):
            result = super().train_on_batch(x, y)
            if int(self.optimizer.iterations) == 3:
                self.dense.bias.assign([np.inf])
            return result

    with pytest.raises(FloatingPointError, match="line: .*bias is not finite at step 3"):
        fit(tmp_path, 3, stage=Broken())
    assert not (tmp_path / "line.weights.h5").exists()


def only_weights(path):
    loop.save(Stage(), path)


def other_optimizer(path):
    stage = Stage()
    stage.compile(keras.optimizers.SGD())
    stage.optimizer.build(stage.trainable_variables)
    loop.save(stage, path)


def other_width(path):
    fit(
        path.parent,
        1,
        lambda step: (batch(step)[0], {"target": np.zeros((8, 2), "float32")}),
        Stage(2),
    )


def cut_off(path):
    fit(path.parent, 1)
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize("make", [only_weights, other_optimizer, other_width, cut_off])
def test_a_checkpoint_that_does_not_fit(tmp_path, make):
    path = tmp_path / "line.weights.h5"
    make(path)
    before = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(WeightsError, match="line.weights.h5: checkpoint: .*; use") as error:
            fit(tmp_path, 3, resume=True)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_no_partial_file(tmp_path, monkeypatch):
    fit(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"line.weights.h5", "line.jsonl"}
    before = (tmp_path / "line.weights.h5").read_bytes()

    def full_disk(self, path, **options):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Stage, "save_weights", full_disk)
    with pytest.raises(OSError, match="No space"):
        loop.save(Stage(), tmp_path / "line.weights.h5")
    assert (tmp_path / "line.weights.h5").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"line.weights.h5", "line.jsonl"}


def test_prefetch_keeps_the_order():
    turns = {step: threading.Event() for step in range(3)}

    def make(step):
        # 0 is ready after 1: what is ready first is not delivered first.
        if step == 0:
            assert turns[1].wait(10)
        turns[min(step, 2)].set()
        return step * step

    assert list(prefetch(make, range(20))) == [step * step for step in range(20)]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_prefetch_of_few_steps(steps):
    assert list(prefetch(str, range(steps), ahead=4)) == [str(step) for step in range(steps)]


def test_prefetch_works_only_a_little_ahead():
    made = []
    batches = prefetch(lambda step: made.append(step) or step, iter(range(1000)), ahead=3)
    assert [next(batches) for _ in range(5)] == list(range(5))
    batches.close()
    assert max(made) < 5 + 4


def test_prefetch_passes_an_exception_on_in_its_place():
    def make(step):
        if step == 3:
            raise KeyError("no such photo")
        return step

    delivered = []
    with pytest.raises(KeyError, match="no such photo"):
        for value in prefetch(make, range(10)):
            delivered.append(value)
    assert delivered == [0, 1, 2]
