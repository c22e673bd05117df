"""A training that is asked to stop leaves a checkpoint, and goes on from it as if never stopped."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from line_runs import fit, log, record
from small_stage import batch, weights
from usual_signals import usual_handlers  # noqa: F401

from multiposenet import cli
from multiposenet.errors import Interrupted
from multiposenet.training import pipeline
from multiposenet.training.loop.run_lock import run_lock

pytestmark = [
    pytest.mark.usefixtures("eagerly"),
    pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows"),
]


def ask(number):
    """Calls the handler as Python does. The signal itself (``tests/test_signals.py``) would reach
    whatever threads the libraries of other tests have left in this process."""
    signal.getsignal(number)(number, None)


def asking(number, at=5):
    def batches(step):
        if step == at:
            ask(number)
        return batch(step)

    return batches


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_as_if_never_stopped(tmp_path, number):
    with pytest.raises(Interrupted) as stopped:
        fit(tmp_path / "parts", 12, asking(number))
    text = str(stopped.value)
    assert re.fullmatch(
        r".*line.npz: checkpoint: interrupted after step \d+ of 12; .*--resume", text
    )
    assert stopped.value.signal == number
    left = {path.name for path in (tmp_path / "parts").iterdir()}
    assert left <= {"line.npz", "line.json", "line.jsonl", "tensorboard"}

    resumed = fit(tmp_path / "parts", 12, resume=True)
    assert 0 < record(tmp_path / "parts")["starts"][1]["step"] < 12
    whole = fit(tmp_path / "whole", 12)
    for ours, theirs in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [line["step"] for line in log(tmp_path / "parts")] == [
        line["step"] for line in log(tmp_path / "whole")
    ]


def test_a_second_signal_does_not_wait(tmp_path):
    def validate():
        ask(signal.SIGINT)
        ask(signal.SIGINT)
        raise AssertionError("it waited")

    with pytest.raises(Interrupted, match="^interrupted$"):
        fit(tmp_path, 12, validate=validate, checkpoint_every=2)
    assert (tmp_path / "line.npz").exists() and not (tmp_path / "line.lock").exists()


HOLDER = """
import sys, time
from multiposenet.training.loop.run_lock import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_before_anything_is_read(tmp_path, monkeypatch, capsys):
    command = [sys.executable, "-c", HOLDER, tmp_path / "prn.lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        arguments = ["train", "prn", "--data", "coco:nowhere", "--run", str(tmp_path)]
        assert cli.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "prn.lock: lock: another process trains this stage in this folder; wait" in line
        first.kill()
    assert cli.main(arguments) == 2  # for another reason: no lock is stale
    assert "nowhere" in capsys.readouterr().err

    monkeypatch.setenv("TF_CONFIG", "{}")  # several processes share a training
    with run_lock(tmp_path / "prn.lock"):
        assert cli.main(arguments) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_command_line_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def train(stage, samples, run, recipe, **options):
        fit(run, 12, asking(signal.SIGTERM))

    monkeypatch.setattr(pipeline, "train", train)
    data = tmp_path / "data"
    from multiposenet.training.datasets import synthetic

    synthetic.write(data, photos=1, seed=0, size=(64, 64), people=(1, 1))
    run = tmp_path / "run"
    assert cli.main(["train", "prn", "--data", f"coco:{data}", "--run", str(run)]) == 143
    last = capsys.readouterr().err.splitlines()[-1]
    assert "line.npz: checkpoint: interrupted after step" in last and "go on with --resume" in last
    assert not list(run.glob("*.lock"))
