"""Trains a small stage in a process that is killed again and again; run by test_resume.py.

    python killed.py FOLDER SEED

FOLDER/whole is trained without interruption, FOLDER/parts by processes killed at random moments and
in the middle of writing a checkpoint. Both leave their final weights in ``weights.npz``. The
processes are forks of this one, which has imported everything and computed nothing.
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import keras
import numpy as np
from small_stage import Stage, batch, recipe, weights

from multiposenet.training.loop import fitting

STEPS = 60
KILLS = 6


def train(run, seed, tell=None):
    """Trains; writes a byte to ``tell`` for every batch."""
    keras.utils.set_random_seed(seed)
    stage = Stage()

    def batches(step):
        if tell is not None:
            os.write(tell, b"x")
        return batch(step)

    plan = recipe(schedule="plateau", plateau_patience=1, plateau_factor=0.5)
    fitting.fit(
        stage,
        batches,
        plan,
        steps=STEPS,
        run=run,
        resume=True,
        validate=lambda: {"kernel": float(weights(stage)[0].sum())},
        log_every=4,
        checkpoint_every=3,
    )
    np.savez(run / "weights.npz", *weights(stage))


def forked(work):
    """Process number of a fork that does the work."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def killed_writing(run, seed, at):
    """Trains until half of the ``at``-th checkpoint is written."""
    save, count = np.savez, [0]

    def savez(file, *arrays, **named):
        count[0] += 1
        save(file, *arrays, **named)
        if count[0] == at:
            file.truncate(file.tell() // 2)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    np.savez = savez
    train(run, seed)


def kill_after(run, seed, batches, seconds):
    """Trains until some batches were made and some more time has passed."""
    told, tell = os.pipe()
    child = forked(lambda: train(run, seed, tell))
    os.close(tell)
    for _ in range(batches):
        os.read(told, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(told)


def whole(run, seed):
    if os.waitpid(forked(lambda: train(run, seed)), 0)[1]:
        sys.exit(f"{run}: training failed")


def main(folder, seed):
    moments, run = random.Random(seed), folder / "parts"
    whole(folder / "whole", 1)
    for at in (2, 4):
        _, status = os.waitpid(forked(lambda at=at: killed_writing(run, 1, at)), 0)
        assert os.WIFSIGNALED(status), "was not killed while writing"
        assert len(list(run.glob(".partial-*.npz"))) == 1
    for seed in range(2, 2 + KILLS):  # only the first process decides about the initial weights
        kill_after(run, seed, moments.randint(6, 40), moments.uniform(0, 0.05))
    whole(run, 99)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
