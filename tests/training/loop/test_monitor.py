"""The monitor: log, speed, share of waiting, events, plot, progress bar."""

import io
import json
import sys
from contextlib import contextmanager

import cv2
import keras
import pytest

from multiposenet.training.loop import monitor as module
from multiposenet.training.loop.events import EventWriter
from multiposenet.training.loop.monitor import Monitor, read_log


@pytest.fixture(scope="module")
def quick_plots():
    """The picture is drawn."""


class Clock:
    """Seconds that pass only when told."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def follow(monitor, clock, first, last, log_every=2, waited=3.0, worked=1.0):
    """Steps ``first`` to ``last``, whose loss is the step's number."""
    for step in range(first, last + 1):
        with monitor.waiting():
            clock.now += waited
        with monitor.working():
            clock.now += worked
        losses = {"loss": float(step), "maps": step / 4}
        monitor.step(step, losses, 0.1 / step, 8, log=step % log_every == 0)
        clock.now += 50.0  # a checkpoint: not part of the speed


def test_log(tmp_path, clock):
    monitor = Monitor(tmp_path, "stage", 6)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 4)
        monitor.validation(4, {"keypoints/AP": 0.25, "keypoints/AP50": 0.5})
        follow(monitor, clock, 5, 6)
        monitor.validation(6, {"keypoints/AP": 0.125, "keypoints/AP50": 0.75})
    best = {"name": "keypoints/AP", "value": 0.25, "step": 4}
    speed = {"samples/s": 2.0, "waiting": 0.75}
    assert read_log(tmp_path / "stage.jsonl") == [
        {"step": 2, "loss": 1.5, "maps": 0.375, "learning_rate": 0.05, **speed},
        {"step": 4, "loss": 3.5, "maps": 0.875, "learning_rate": 0.025, **speed},
        {"step": 4, "validation": {"keypoints/AP": 0.25, "keypoints/AP50": 0.5}, "best": best},
        {"step": 6, "loss": 5.5, "maps": 1.375, "learning_rate": 0.0166667, **speed},
        {"step": 6, "validation": {"keypoints/AP": 0.125, "keypoints/AP50": 0.75}, "best": best},
    ]
    assert monitor.speed() == {"seconds": 20.0, "samples/s": 2.0, "waiting": 0.75}
    assert cv2.imread(str(tmp_path / "stage.png")).shape[1] > 600


def test_the_first_step_does_not_count_in_the_speed(tmp_path, clock):
    monitor = Monitor(tmp_path, "stage", 3)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 1, log_every=1, waited=80.0, worked=70.0)
        follow(monitor, clock, 2, 3, log_every=1, waited=0.5, worked=1.5)
    first, second, _ = read_log(tmp_path / "stage.jsonl")
    assert "samples/s" not in first and "waiting" not in first
    assert (second["samples/s"], second["waiting"]) == (4.0, 0.25)
    assert monitor.speed() == {"seconds": 4.0, "samples/s": 4.0, "waiting": 0.25}


def test_resumed_between_two_lines(tmp_path, clock):
    whole = Monitor(tmp_path / "whole", "stage", 9)
    (tmp_path / "whole").mkdir()
    with whole.from_step(0):
        follow(whole, clock, 1, 9, log_every=3)
    run = tmp_path / "parts"
    run.mkdir()
    killed = Monitor(run, "stage", 9)
    with killed.from_step(0):
        follow(killed, clock, 1, 4, log_every=3)
        killed.validation(4, {"AP": 0.5})
        state = json.loads(json.dumps(killed.state))  # the checkpoint of step 4
        follow(killed, clock, 5, 7, log_every=3)
        killed.validation(7, {"AP": 0.75})
    with (run / "stage.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    resumed = Monitor(run, "stage", 9)
    resumed.state = state
    with resumed.from_step(4):
        resumed.validation(4, {"AP": 0.5})  # made again: noted once
        follow(resumed, clock, 5, 9, log_every=3)
        resumed.validation(9, {"AP": 0.25})
    lines = read_log(run / "stage.jsonl")
    assert [line for line in lines if "loss" in line] == read_log(tmp_path / "whole/stage.jsonl")
    best = {"name": "AP", "value": 0.5, "step": 4}
    assert [line for line in lines if "validation" in line] == [
        {"step": 4, "validation": {"AP": 0.5}, "best": best},
        {"step": 9, "validation": {"AP": 0.25}, "best": best},
    ]
    if keras.backend.backend() == "tensorflow":
        assert scalars(run / "tensorboard" / "stage", "AP") == {4: 0.5, 9: 0.25}


def scalars(folder, name):
    """Step -> value in a folder of event files."""
    import tensorflow as tf

    found = {}
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                if value.tag == name:
                    assert event.step not in found
                    found[event.step] = float(tf.make_ndarray(value.tensor))
    return found


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="events need TensorFlow")
def test_events(tmp_path, clock):
    monitor = Monitor(tmp_path, "stage", 4)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 4)
        monitor.validation(4, {"keypoints/AP": 0.25})
    folder = tmp_path / "tensorboard" / "stage"
    assert scalars(folder, "loss") == {2: 1.5, 4: 3.5}
    assert scalars(folder, "maps") == {2: 0.375, 4: 0.875}
    assert scalars(folder, "learning_rate") == pytest.approx({2: 0.05, 4: 0.025})
    assert scalars(folder, "waiting") == {2: 0.75, 4: 0.75}
    assert scalars(folder, "keypoints/AP") == {4: 0.25}


def test_helping_processes_write_nothing(tmp_path, clock, capsys):
    monitor = Monitor(tmp_path, "stage", 4, shown=False)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 4)
        monitor.validation(4, {"AP": 0.25})
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr() == ("", "")
    assert monitor.state == {
        "best": {"name": "AP", "value": 0.25, "step": 4},
        "sums": {},
        "count": 0,
    }


def test_lines_on_stderr_where_it_is_no_terminal(tmp_path, clock, capsys):
    monitor = Monitor(tmp_path, "stage", 4000)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 2)
        monitor.validation(2, {"AP": 0.25})
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "stage 2/4000: loss 1.5, maps 0.375, 2 samples/s, 75% waiting, 4:26:32 left",
        "stage 2/4000: AP 0.25 (the best so far)",
    ]


def test_progress_bar_on_a_terminal(tmp_path, clock, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monitor = Monitor(tmp_path, "stage", 100)
    with monitor.from_step(0):
        follow(monitor, clock, 1, 9, log_every=100)
    shown = sys.stderr.getvalue()
    for text in ("stage", "9/100", "loss 5", "maps 1.25", "2 samples/s", "0:06:04 left"):
        assert text in shown


@contextmanager
def greatest_file(size):
    """No file may become longer, as if the disk were full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_in_one_line(tmp_path, clock):
    monitor = Monitor(tmp_path, "stage", 400)
    with pytest.raises(OSError, match="stage.jsonl") as error, monitor.from_step(0):
        follow(monitor, clock, 1, 20)
        with greatest_file((tmp_path / "stage.jsonl").stat().st_size + 10):
            follow(monitor, clock, 21, 22)
    assert "\n" not in str(error.value)
    assert len(read_log(tmp_path / "stage.jsonl")) == 10


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="events need TensorFlow")
def test_a_disk_too_full_for_events(tmp_path):
    writer = EventWriter(tmp_path / "stage")
    writer.write(1, {"AP": 0.5})
    with greatest_file(100), pytest.raises(OSError, match="stage") as error:
        writer.write(2, {"AP": 0.75})
    assert "\n" not in str(error.value)
    writer.close()
