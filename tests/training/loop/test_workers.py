"""Processes that make batches: what they make, what they say of errors, and that they go away."""

import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from numbered import numbered
from painted import FLIP, sample
from small_stage import Stage, batch, recipe, weights

from multiposenet.errors import InputError, TrainingError
from multiposenet.training import recipes
from multiposenet.training.loop import fitting, workers
from multiposenet.training.loop.engine import Engine
from multiposenet.training.loop.workers import Workers
from multiposenet.training.stages import keypoints

RECIPE = recipes.NanoKeypoints(
    steps=10, batch_size=4, mosaics=0, masked_singles=0, patch_sizes=((0.0, 64), (0.5, 96))
)


def test_photos_and_masks_are_seen_as_by_threads(tmp_path):
    photo = sample(tmp_path / "one", [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)],
                   [(70, 40, 134, 112)])  # fmt: skip
    plain = sample(tmp_path / "two", [(60.0, 50.0), (82.0, 84.0), (99.0, 90.0)],
                   [(50, 40, 134, 112)], mask=False)  # fmt: skip
    batches = keypoints.KeypointBatches([photo, plain], RECIPE, FLIP)
    with Workers(batches, 2, batches.samples) as make, ThreadPoolExecutor(2) as pool:
        made = list(pool.map(make, range(10)))
    for step, (images, labels) in enumerate(made):
        wanted, wanted_labels = batches(step)
        np.testing.assert_array_equal(images, wanted)
        for name, values in wanted_labels.items():
            np.testing.assert_array_equal(labels[name], values)


def test_errors_and_the_end_of_a_process(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_MEMORY", str(tmp_path))
    backend = os.environ.get("KERAS_BACKEND")
    (tmp_path / "multiposenet-0000dead").mkdir()
    (tmp_path / "multiposenet-0000dead" / "photos").write_bytes(b"photos")
    (tmp_path / "multiposenet-0000dead.lock").touch()
    with Workers(numbered, 1) as make:
        assert not (tmp_path / "multiposenet-0000dead").exists()
        for step in (3, 1, 5):
            made, keras_backend = make(step)
            assert (made["step"] == step).all() and made["step"].shape == (step, 1000)
            assert made["none"] is None and keras_backend == "numpy"
        with pytest.raises(InputError, match=r"a\.jpg"):
            make("photo")
        assert make(2)[0]["step"].shape == (2, 1000)
        process = make._idle.get()
        make._idle.put(process)
        with pytest.raises(TrainingError, match="ended while it made batch die"):
            make("die")
    assert not process._process.is_alive() and os.environ.get("KERAS_BACKEND") == backend
    assert not list(tmp_path.iterdir())


def test_systems_that_lack_it_are_told(monkeypatch):
    monkeypatch.delattr(os, "preadv")
    with pytest.raises(InputError, match="workers: not on this system.*use 0"):
        Workers(batch, 2).__enter__()


def test_a_missing_photo_is_named_before_anything_starts(tmp_path):
    lost = sample(tmp_path / "one", [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)],
                  [(70, 40, 134, 112)])  # fmt: skip
    lost.path.unlink()
    with pytest.raises(InputError, match=lost.path.name), Workers(numbered, 1, [lost]):
        pass


def test_training_ends_with_the_same_weights(tmp_path):
    results = []
    for count in (0, 2):
        keras.utils.set_random_seed(1)
        stage = Stage()
        fitting.fit(
            stage, batch, recipe(), steps=6, run=tmp_path / str(count),
            engine=Engine(workers=count),
        )  # fmt: skip
        results.append(weights(stage))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
