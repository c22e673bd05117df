"""Keras' callbacks are called as by ``keras.Model.fit``, an epoch ending with each validation."""

import csv

import keras
import pytest
from line_runs import fit, log, plain, record
from small_stage import recipe, weights

from multiposenet.errors import InputError

pytestmark = pytest.mark.usefixtures("eagerly")


class Notes(keras.callbacks.Callback):
    """Everything that it is told, in order."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(("begin", self.params["epochs"], self.params["steps"]))

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(("epoch", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("batch", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("batch end", batch, dict(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch end", epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.seen.append(("end",))

    def named(self, name):
        return [item[1:] for item in self.seen if item[0] == name]


def test_order_and_logs(tmp_path):
    notes = Notes()
    stage = fit(tmp_path, 12, callbacks=[notes], validate=lambda: {"AP": 0.25}, log_every=5)
    assert [item[0] for item in notes.seen[:4]] == ["begin", "epoch", "batch", "batch end"]
    assert notes.named("begin") == [(3, 5)] and notes.named("end") == [()]
    assert notes.seen[-1] == ("end",)
    assert notes.named("epoch") == [(0,), (1,), (2,)]
    assert [batch for batch, _ in notes.named("batch end")] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    lines = [line for line in log(tmp_path) if "loss" in line]  # the same means, written elsewhere
    ends = [logs for _, logs in notes.named("epoch end")]
    for logs, line in zip(ends, lines, strict=True):
        assert logs["loss"] == pytest.approx(line["loss"], rel=1e-5)
        assert logs["learning_rate"] == pytest.approx(line["learning_rate"], rel=1e-5)
        assert logs["val_AP"] == 0.25 and {"error", "gradient"} <= set(logs)
    assert notes.model is stage and stage.optimizer is not None


def test_nothing_changes_by_them(tmp_path):
    first = fit(tmp_path / "a", 7)
    losses = []
    told = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(logs["loss"])
    )
    second = fit(tmp_path / "b", 7, callbacks=[told])
    assert len(losses) == 7
    assert all((a == b).all() for a, b in zip(weights(first), weights(second), strict=True))


def test_keras_own_callbacks(tmp_path):
    """One that writes, and one that stops."""
    figures = iter([0.1, 0.3, 0.2, 0.1, 0.4])
    stop = keras.callbacks.EarlyStopping(monitor="val_AP", mode="max", patience=2)
    written = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    run = tmp_path / "run"
    fit(run, 25, callbacks=[stop, written], validate=lambda: {"AP": next(figures)})
    with (tmp_path / "log.csv").open() as file:
        assert [float(row["val_AP"]) for row in csv.DictReader(file)] == [0.1, 0.3, 0.2, 0.1]
    assert record(run)["starts"][-1]["ended"] == 20


def test_without_validation_an_epoch_is_all(tmp_path):
    notes = Notes()
    fit(tmp_path, 4, plan=recipe(validate_every=0), callbacks=[notes])
    assert notes.named("begin") == [(1, 4)] and notes.named("epoch") == [(0,)]
    (end,) = notes.named("epoch end")
    assert end[0] == 0 and "val_AP" not in end[1]


def test_epochs_go_on_where_a_run_does(tmp_path):
    fit(tmp_path, 10)
    notes = Notes()
    fit(tmp_path, 15, stage=plain(), resume=True, callbacks=[notes])
    assert notes.named("epoch") == [(2,)] and [b for b, _ in notes.named("batch end")] == [
        *range(5)
    ]


def test_what_is_no_callback(tmp_path):
    with pytest.raises(InputError, match="callbacks: <function.*instances of keras.callbacks"):
        fit(tmp_path, 2, callbacks=[print_it])


def print_it():
    """No callback."""
