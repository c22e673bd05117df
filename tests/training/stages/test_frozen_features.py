"""Features of a frozen backbone, kept on disk, in place of a stage's images."""

import types

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.errors import InputError
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.datasets import synthetic
from multiposenet.training.recipes import NanoPerson
from multiposenet.training.stages.frozen_features import FrozenFeatures
from multiposenet.training.stages.person import PersonStage, train

LEVELS = ("C2", "C5")


class Batches:
    """Counts what is asked of it."""

    fingerprint = "0123"
    samples = ()

    def __init__(self):
        self.made = []

    def __call__(self, step):
        self.made.append(step)
        images = np.full((2, 32, 32, 3), step, np.uint8)
        return images, {"target": np.full((2, 8, 8, 18), step, np.float16)}

    def describe(self, step):
        return f"photos of {step}"


class Shifted(Batches):
    """Other patches of the same photos."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def __call__(self, step):
        return super().__call__(step + self.by)


def backbone():
    images = keras.Input((None, None, 3))
    outputs = {
        level: keras.layers.AveragePooling2D(stride)(images)
        for level, stride in (("C2", 4), ("C3", 8), ("C5", 32))
    }
    return keras.Model(images, outputs)


def test_batches_are_those_of_the_backbone_and_made_once(tmp_path):
    batches = Batches()
    features = FrozenFeatures(batches, backbone(), LEVELS, 3, tmp_path)
    for step in (0, 1, 2, 3, 4):
        x, y = features(step)
        assert set(x) == set(LEVELS) and x["C2"].shape == (2, 8, 8, 3)
        assert all((level == step % 3).all() for level in x.values())
        assert (y["target"] == step % 3).all() and y["target"].dtype == np.float16
    assert batches.made == [0, 1, 2]
    assert features.describe(4) == "photos of 1"


def test_a_later_run_reads_the_files_of_the_earlier(tmp_path):
    FrozenFeatures(Batches(), backbone(), LEVELS, 2, tmp_path)(1)
    batches = Batches()
    x, _ = FrozenFeatures(batches, backbone(), LEVELS, 2, tmp_path)(1)
    assert batches.made == [] and (x["C5"] == 1).all()


def test_files_of_other_batches_or_another_backbone_are_refused(tmp_path):
    FrozenFeatures(Shifted(1), backbone(), LEVELS, 2, tmp_path)(0)
    FrozenFeatures(Shifted(1), backbone(), LEVELS, 2, tmp_path)
    with pytest.raises(InputError, match="features: of other patches"):
        FrozenFeatures(Shifted(2), backbone(), LEVELS, 2, tmp_path)
    with pytest.raises(InputError, match="another backbone"):
        FrozenFeatures(Shifted(1), lambda x: {level: x for level in LEVELS}, LEVELS, 2, tmp_path)


def test_the_person_stage_learns_the_same_from_features(tmp_path):
    keras.utils.set_random_seed(0)
    model = MultiPoseNet("nano")
    stage = PersonStage(model)
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    from_images = stage(images, training=True)
    levels = model.backbone(images, training=False)
    features = {key: levels[key] for key in model.person_pyramid.input}
    from_features = stage(features, training=True)
    for name, values in from_images.items():
        assert np.array_equal(
            ops.convert_to_numpy(values), ops.convert_to_numpy(from_features[name])
        )


def test_other_processes_make_no_features():
    recipe = NanoPerson(kept_features=2, patch_size=64, precision="float32")
    samples = synthetic.samples(2, seed=0, size=(64, 64))
    engine = types.SimpleNamespace(workers=2)
    with pytest.raises(InputError, match="workers: .* leave --workers away"):
        train(MultiPoseNet("nano"), samples, recipe, "run", engine=engine)
