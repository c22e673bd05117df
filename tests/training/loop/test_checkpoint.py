"""Checkpoints that do not fit, other recipes, and disks that are full."""

import errno
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from line_runs import FILES, fit, make, plain, poisoned, record
from small_stage import batch, recipe, weights

from multiposenet.errors import InputError, WeightsError
from multiposenet.files import writing
from multiposenet.training.loop.checkpoint import checkpoint_path

pytestmark = pytest.mark.usefixtures("eagerly")


def other_stage(path):
    fit(path.parent, 1, stage=make(dropout=0.0))


def other_width(path):
    fit(
        path.parent,
        1,
        lambda step: (batch(step)[0], {"target": np.zeros((8, 2), "f4")}),
        plain(width=2),
    )


def cut_off(path):
    fit(path.parent, 1)
    path.write_bytes(path.read_bytes()[:1000])


def changed(path):
    fit(path.parent, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    fit(path.parent, 1)
    path.write_bytes(b"")


@pytest.mark.parametrize("make", [other_stage, other_width, cut_off, changed, empty])
def test_a_checkpoint_that_does_not_fit(tmp_path, make):
    path = checkpoint_path(tmp_path, "line")
    make(path)
    (tmp_path / "line.json").unlink()  # whose steps differ
    before, stage = path.read_bytes(), plain()
    initial = weights(stage)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(WeightsError, match="line.npz: checkpoint: .*; use") as error:
            fit(tmp_path, 3, stage=stage, resume=True)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    np.testing.assert_array_equal(weights(stage)[0], initial[0])


@pytest.mark.parametrize(
    "field, change",
    [
        ("recipe.learning_rate", {"plan": recipe(learning_rate=0.04)}),
        ("recipe.seed", {"plan": recipe(seed=7)}),
        ("steps", {"steps": 2}),
        ("data", {"batches": poisoned(at=-1)}),
    ],
)
def test_resuming_another_run_names_the_field(tmp_path, field, change):
    if field == "data":
        change["batches"].fingerprint = "other"
    fit(tmp_path, 3)
    before = checkpoint_path(tmp_path, "line").read_bytes()
    with pytest.raises(InputError, match=rf"line.json: {field}: the run was begun with .*, not "):
        fit(tmp_path, **({"steps": 3} | change), resume=True)
    assert checkpoint_path(tmp_path, "line").read_bytes() == before


def test_a_run_that_is_done_goes_further(tmp_path):
    """As one that was as long from the start, where the schedule does not depend on the length."""
    plan = recipe(schedule="constant", ema=0.0)
    expected = weights(fit(tmp_path / "at once", 7, plan=plan, stage=make(dropout=0.0)))
    fit(tmp_path / "again", 3, plan=plan, stage=make(dropout=0.0))
    longer = fit(tmp_path / "again", 7, plan=plan, stage=make(dropout=0.0), resume=True)
    for found, wanted in zip(weights(longer), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert json.loads((tmp_path / "again" / "line.json").read_text())["steps"] == 7


def test_what_killed_processes_left_is_removed(tmp_path):
    for name in FILES - {"tensorboard"}:
        path = tmp_path / name
        (tmp_path / f"{writing._prefix(path)}x{path.suffix}").write_text("half")
    fit(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} <= FILES | {"line.lock"}


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    save, count = np.savez, []

    def full(file, *arrays, **named):
        count.append(1)
        if len(count) == 3:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, *arrays, **named)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left on device; what was") as error:
        fit(tmp_path, 9, checkpoint_every=2)
    assert error.value.errno == errno.ENOSPC and error.value.filename.endswith("line.npz")
    monkeypatch.undo()
    assert {path.name for path in tmp_path.iterdir()} <= FILES | {"line.lock"}  # whole ones
    resumed = fit(tmp_path, 9, checkpoint_every=2, resume=True)
    assert [start["step"] for start in record(tmp_path)["starts"]] == [0, 2]
    expected = fit(tmp_path / "whole", 9)
    np.testing.assert_allclose(weights(resumed)[0], weights(expected)[0], rtol=1e-5)


LIMITED = """
import resource, signal, sys
from multiposenet.files import writing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
import h5py, numpy as np, pathlib
path = pathlib.Path(sys.argv[1])
for suffix in ("h5", "npz"):
    target = path / f"file.{suffix}"
    target.write_text("before")
    try:
        with writing.atomic_write(target) as partial:
            if suffix == "h5":
                with h5py.File(partial, "w") as file:
                    file.create_dataset("0", data=np.ones(100_000))
            else:
                with open(partial, "wb") as file:
                    np.savez(file, np.ones(100_000))
    except OSError as error:
        print(suffix, error.strerror, error.filename == str(target), target.read_text())
print(sorted(p.name for p in path.iterdir()))
"""


def test_a_file_that_really_cannot_grow(tmp_path):
    """By the limit of the process, with Keras' file format and that of checkpoints."""
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, timeout=120
    )
    what = "File too large; what was written before is whole True before"
    assert done.stdout.splitlines() == [f"h5 {what}", f"npz {what}", "['file.h5', 'file.npz']"]
